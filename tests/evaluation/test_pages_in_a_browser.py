"""Report pages in headless Chromium: no error, every plot drawn, hover, keys and sorting work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mmgraph as mg
from mmgraph.graph.graph import Graph

SMALL = ("model.hidden_channels=8", "model.num_layers=1", "max_epochs=3", "device=cpu")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if CHROMIUM is None and not os.environ.get("MMGRAPH_REQUIRE_BROWSER"):
    pytest.skip("there is no Chromium; on Debian: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser that reaches no network."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "MMGRAPH_REQUIRE_BROWSER is set, and there is no Chromium"
    with sync_playwright() as driver:
        # Root has no sandbox to be in; the pages are our own.
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def run_page(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run with everything on it."""
    folder = tmp_path_factory.mktemp("pages")
    run = mg.train(graph, task="script", model="hetero_gat", overrides=SMALL, seed=0)
    mg.robustness(run, repeats=1).save(folder / "tried")
    return mg.report(run, folder / "out", groups=["script"], robustness=folder / "tried", explain=["m1"])


@pytest.fixture(scope="module")
def comparison_page(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a comparison."""
    folder = tmp_path_factory.mktemp("comparison")
    models = ["logistic_regression", "mlp", "hetero_gat"]
    mg.compare(
        graph,
        task="script",
        models=models,
        controls="none",
        seeds=2,
        overrides=SMALL,
        out=folder / "out",
    )
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def link_page(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a comparison with more metrics than one table has room for."""
    out = tmp_path_factory.mktemp("links") / "out"
    models = ["adamic_adar", "mlp", "hetero_gat", "hetero_gat[edges=shuffled]", "hetero_gat[features=noise]"]
    mg.compare(graph, task="link:like", models=models, controls="none", seeds=2, overrides=SMALL, out=out)
    return out / "report.html"


@pytest.fixture(params=["run_page", "comparison_page"])
def opened(request: pytest.FixtureRequest, browser: Any) -> Iterator[tuple[Any, list[str]]]:
    """Return each page, opened, with a list of whatever its console says and whatever it asks for."""
    path: Path = request.getfixturevalue(request.param)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request", lambda sent: said.append(sent.url) if not sent.url.startswith(("file:", "data:")) else 0
    )
    page.goto(path.as_uri())
    yield page, said
    page.close()


def test_nothing_goes_wrong_and_nothing_is_asked_for(opened: tuple[Any, list[str]]) -> None:
    page, said = opened
    page.mouse.wheel(0, 20_000)
    assert said == []
    # The title of an entity is a script: it would have opened a dialogue.
    assert "alert('x')" in page.inner_text("main")


def test_every_plot_is_drawn(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    plots = page.locator("svg:visible")
    assert plots.count() >= 5
    for number in range(plots.count()):
        plot = plots.nth(number)
        box = plot.bounding_box()
        assert box["width"] > 100
        assert box["height"] > 30
        name = plot.get_attribute("aria-label")
        assert plot.locator("circle, polyline, rect").count(), name
        # Whatever is drawn lies inside its frame.
        assert plot.evaluate(
            """svg => [...svg.querySelectorAll('circle, polyline, rect')].every(mark => {
                const own = mark.getBoundingClientRect(), all = svg.getBoundingClientRect();
                return own.left >= all.left - 1 && own.right <= all.right + 1
                    && own.top >= all.top - 1 && own.bottom <= all.bottom + 1;
            })"""
        ), name
    pictures = page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert pictures
    assert all(pictures)


def test_headings_sort_their_tables(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    table = page.locator("table.sortable", has=page.locator("caption", has_text="Precision")).first
    heading = table.get_by_role("button", name="precision")
    heading.click()
    values = [float(text) for text in table.locator("tbody tr td:nth-child(3)").all_inner_texts()]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert table.locator("thead th").nth(2).get_attribute("aria-sort") == "descending"
    heading.focus()
    page.keyboard.press("Enter")
    values = [float(text) for text in table.locator("tbody tr td:nth-child(3)").all_inner_texts()]
    assert values == sorted(values)
    table.get_by_role("button", name="class").click()
    names = table.locator("tbody th").all_inner_texts()
    assert names == sorted(names)
    assert table.locator("[aria-sort]").count() == 1


def test_pointing_at_the_map_shows_name_and_picture(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    plot, tip = page.locator("figure.map svg"), page.locator("figure.map .tip")
    assert not tip.is_visible()
    plot.scroll_into_view_if_needed()
    seen, pictured = set(), 0
    for number in range(plot.locator(".p").count()):
        box = plot.locator(".p").nth(number).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert tip.is_visible()
        seen.add(tip.inner_text())
        pictured += tip.locator("img").count()
    assert len(seen) > 80
    assert pictured > 60
    assert any("<script>" in text for text in seen)
    page.mouse.move(2, 2)
    assert not tip.is_visible()


def test_arrow_keys_go_over_the_map(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    plot, tip = page.locator("figure.map svg"), page.locator("figure.map .tip")
    plot.focus()
    seen = set()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
        assert tip.is_visible()
        seen.add(tip.inner_text())
    assert len(seen) >= 3
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_the_map_is_coloured_by_what_is_chosen(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened

    def colours() -> set[str]:
        found: list[str] = page.locator("figure.map .p").evaluate_all(
            "all => all.map(one => getComputedStyle(one).fill)"
        )
        return set(found)

    assert len(colours()) == 3
    by_label = colours()
    page.get_by_label("split", exact=True).check()
    assert len(colours()) == 3
    assert colours() != by_label
    assert page.locator(".by-split").is_visible()
    assert not page.locator(".by-label").is_visible()


def test_a_cell_shows_the_entities_behind_it(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    cell = page.locator(".confusion a").first
    behind = page.locator(str(cell.get_attribute("href")))
    assert not behind.is_visible()
    cell.click()
    assert behind.is_visible()
    assert behind.locator("li").count() == min(int(cell.inner_text()), 6)
    assert page.locator(".behind:visible").count() == 1


@pytest.mark.parametrize("width", [360, 800])
def test_narrow_pages_do_not_scroll_sideways(opened: tuple[Any, list[str]], width: int) -> None:
    page, _ = opened
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_results_are_seen_without_scrolling(browser: Any, comparison_page: Path) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(comparison_page.as_uri())
    chart = page.locator("#results svg:visible")
    assert chart.count() == 1
    assert 250 < chart.bounding_box()["width"] < 360
    # The interval of each entry, two columns to the right of its name.
    cells = page.locator("#results table").first.locator("tbody td:nth-child(3)").all()
    assert cells
    assert all(cell.bounding_box()["x"] < 300 for cell in cells)
    page.set_viewport_size({"width": 1160, "height": 900})
    assert chart.count() == 1
    assert chart.bounding_box()["width"] > 600
    page.close()


def test_captions_of_wide_tables_are_read_without_scrolling(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    page.set_viewport_size({"width": 360, "height": 800})
    wide = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    assert page.locator("div.scroll").evaluate_all(wide) > 0
    ends = page.locator("caption").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(ends) <= 360


def test_explanations_have_the_whole_width_for_names(browser: Any, run_page: Path) -> None:
    page = browser.new_page(viewport={"width": 1160, "height": 900})
    page.goto(run_page.as_uri())
    tables = page.locator("#explained div.scroll")
    assert tables.count() == 2
    widths = tables.evaluate_all("all => all.map(one => one.clientWidth)")
    assert min(widths) > 800
    page.close()


def test_dark_is_dark_and_print_is_light(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    background = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) == "rgb(21, 23, 27)"
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()


@pytest.mark.parametrize(
    ("groups", "rising"),
    [
        (["100", "9", "(empty)", "10", "-3", "1e3"], ["-3", "9", "10", "100", "1e3", "(empty)"]),
        (["16-31", "4-7", "0", "(others)"], ["0", "4-7", "16-31", "(others)"]),
        (["b", "(empty)", "a"], ["a", "b", "(empty)"]),
    ],
)
def test_groups_sort_by_their_numbers(
    groups: list[str], rising: list[str], browser: Any, comparison_page: Path
) -> None:
    page = browser.new_page()
    page.goto(comparison_page.as_uri())
    table = page.locator("#slices table").first
    table.locator("tbody").evaluate(
        """(body, groups) => {
            const like = name => {
                const row = body.rows[0].cloneNode(true);
                row.cells[0].textContent = name;
                return row;
            };
            body.replaceChildren(...groups.map(like));
        }""",
        groups,
    )
    names = table.locator("tbody tr > :first-child")
    table.locator("thead button").first.click()
    assert names.all_inner_texts() == rising
    table.locator("thead button").first.click()
    last = [name for name in rising if name.startswith("(")]
    assert names.all_inner_texts() == [*reversed([name for name in rising if name not in last]), *last]
    page.close()


@pytest.mark.parametrize("made", ["run_page", "comparison_page", "link_page"])
def test_printed_on_a4_no_table_is_cut(made: str, browser: Any, request: pytest.FixtureRequest) -> None:
    # 210 mm less two margins of 14 mm, at 96 pixels an inch.
    page = browser.new_page(viewport={"width": 687, "height": 1000})
    page.goto(request.getfixturevalue(made).as_uri())
    page.emulate_media(media="print")
    ends = page.locator("main table").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert len(ends) > 2
    assert max(ends) <= 687
    page.close()


def test_all_metrics_of_links_are_shown(browser: Any, link_page: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(link_page.as_uri())
    headings = page.locator("#results h3").all_inner_texts()
    assert headings[:2] == ["Further metrics"] * 2
    first, *further = (page.locator("#results table").nth(number) for number in (0, 1, 2))
    assert first.locator("thead th").all_inner_texts() == [
        "model",
        "runs",
        "mrr, 95% CI",
        "mrr",
        "weights",
        "time",
    ]
    columns = [table.locator("thead th").all_inner_texts() for table in further]
    assert abs(len(columns[0]) - len(columns[1])) <= 1, "one table has what little the other has no room for"
    assert {"hits@10", "median rank", "auroc", "average precision"} <= {
        name for some in columns for name in some
    }
    assert [table.locator("tbody tr").count() for table in further] == [5, 5]
    page.close()


def test_without_its_script_all_else_is_there(browser: Any, run_page: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(run_page.as_uri())
    assert page.locator("table.sortable").first.is_visible()
    page.locator(".confusion a").first.click()
    assert page.locator(".behind:visible").count() == 1
    context.close()


def test_the_explanation_of_a_pair_shows_both_ends(browser: Any, graph: Graph, tmp_path: Path) -> None:
    run = mg.train(graph, task="link:like", model="hetero_gat", overrides=SMALL, seed=0)
    mg.explain(run, "m1", answer="m4", orders=4).save_page(tmp_path / "why.html", run)
    page = browser.new_page(viewport={"width": 360, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "why.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ends = page.locator("h2").filter(has_text="The ").all_inner_texts()
    assert ends == ["The source", "The target"]
    # The neighbours of both, with their pictures.
    assert page.locator("svg.around").count() == 2
    assert page.locator("svg.around image").count() > 2
    names = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(names) == len(set(names))
    assert said == []
    page.close()
