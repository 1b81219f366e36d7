(() => {
  "use strict";

  // Tables: a heading is a button that sorts by its column; empty cells stay at the end.
  const valueOf = (cell) => cell.dataset.value ?? cell.textContent.trim();
  const numberOf = (text) => parseFloat(text.replace(/,/g, "").replace(/^<\s*/, ""));
  // Groups without a name of their own stay at the end too.
  const NAMELESS = ["(empty)", "(others)"];
  const byText = (a, b) => a.localeCompare(b, undefined, { numeric: true });
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n");
        const before = head.getAttribute("aria-sort");
        const rising = before ? before === "descending" : !numeric;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column]), row]);
        const full = rows.filter(([text]) => (numeric ? !Number.isNaN(numberOf(text)) : text && !NAMELESS.includes(text)));
        const empty = rows.filter((row) => !full.includes(row));
        const counted = !numeric && full.every(([text]) => Number.isFinite(Number(text)));
        const compare = numeric ? (a, b) => numberOf(a) - numberOf(b) : counted ? (a, b) => a - b : byText;
        full.sort(([a], [b]) => (rising ? 1 : -1) * compare(a, b));
        table.tBodies[0].append(...[...full, ...empty].map(([, row]) => row));
      });
    });
  }

  // Maps: what is nearest to the pointer, or to the point before in the direction of an arrow key.
  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const REACH = 18;
  for (const figure of document.querySelectorAll("figure.map")) {
    const svg = figure.querySelector("svg");
    const tip = figure.querySelector(".tip");
    const pictures = JSON.parse(figure.querySelector("script").textContent);
    const points = [...svg.querySelectorAll(".p")].map((mark, place) => {
      const title = mark.querySelector("title");
      const text = title.textContent;
      // The browser's own hint would cover this one.
      title.remove();
      return { mark, text, picture: pictures[place], x: +mark.getAttribute("cx"), y: +mark.getAttribute("cy") };
    });
    let shown = null;
    const hide = () => {
      if (shown) shown.mark.classList.remove("on");
      shown = null;
      tip.hidden = true;
    };
    const show = (point) => {
      if (point === shown) return;
      hide();
      if (!point) return;
      shown = point;
      point.mark.classList.add("on");
      tip.replaceChildren();
      if (point.picture) {
        const image = document.createElement("img");
        image.src = point.picture;
        image.alt = "";
        tip.append(image);
      }
      const words = document.createElement("span");
      words.textContent = point.text;
      tip.append(words);
      tip.hidden = false;
      const spot = point.mark.getBoundingClientRect();
      const frame = figure.getBoundingClientRect();
      const left = spot.left + spot.width / 2 - frame.left;
      tip.style.left = `${Math.min(Math.max(left - tip.offsetWidth / 2, 0), frame.width - tip.offsetWidth)}px`;
      tip.style.top = `${Math.max(spot.top - frame.top - tip.offsetHeight - 8, 0)}px`;
    };
    const nearest = (x, y, among) => {
      let found = null;
      let least = Infinity;
      for (const point of among) {
        const distance = Math.hypot(point.x - x, point.y - y);
        if (distance < least) [found, least] = [point, distance];
      }
      return [found, least];
    };
    svg.addEventListener("pointermove", (event) => {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const [point, distance] = nearest(place.x, place.y, points);
      show(distance <= REACH ? point : null);
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
      const direction = DIRECTIONS[event.key];
      if (!direction) return;
      event.preventDefault();
      const [from] = shown ? [shown] : nearest(0, 0, points);
      const [dx, dy] = direction;
      const ahead = points.filter((point) => {
        const along = (point.x - from.x) * dx + (point.y - from.y) * dy;
        return along > 0 && Math.abs((point.x - from.x) * dy + (point.y - from.y) * dx) <= along;
      });
      show(shown ? nearest(from.x, from.y, ahead)[0] ?? shown : from);
    });
  }
})();
