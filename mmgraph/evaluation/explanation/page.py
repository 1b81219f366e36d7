"""An explanation as one HTML file, with pictures and texts, without scripts and network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from mmgraph.atomic import atomic_write
from mmgraph.evaluation.explanation.explanation import Explanation
from mmgraph.evaluation.samples import Sample, show_entities
from mmgraph.readable import readable
from mmgraph.training.run import Run

_WIDTH, _RING, _MARGIN = 820, 190, 70
_PER_NEIGHBOUR = 19
"""How much higher the ring is for each neighbour, so that no circle lies on another's name."""

_THUMBNAIL = 40


@dataclass(frozen=True)
class Bar:
    """One row of what added or took: its name, the number as text, and the bar in percent of the half."""

    name: str
    text: str
    length: float
    gain: bool
    more: str = ""


@dataclass(frozen=True)
class Spot:
    """A neighbour in the picture of the subgraph, in pixels.

    Args:
        x, y: Where.
        title: What stands there.
        picture: Its first picture, or nothing.
        width: Of the line to the entity.
        gain: Whether it speaks for the answer.
        relations: What ties it.
    """

    x: float
    y: float
    title: str
    picture: str
    width: float
    gain: bool
    relations: str


def write_page(file: Path, found: Explanation, run: Run) -> None:
    """Write an explanation as a page, whole or not at all; see :func:`explanation_page`."""
    atomic_write(file, explanation_page(found, run))


@dataclass(frozen=True)
class Side:
    """What the page shows of one entity: of a pair, of one of its ends."""

    found: Explanation
    own: list[Sample]
    centre: str
    parts: list[Bar]
    neighbours: list[Bar]
    features: list[Bar]
    strongest: list[Bar]
    cards: list[Sample]
    spots: list[Spot]
    height: int


def explanation_page(found: Explanation, run: Run) -> str:
    """Return an explanation as an HTML page; all text in it is escaped.

    Args:
        found: The explanation.
        run: The run that was explained.
    """
    # Autoescape for every template: by name, only those that end in .html would be escaped.
    environment = Environment(
        loader=PackageLoader("mmgraph.evaluation"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["readable"] = readable
    return environment.get_template("explanation.html.j2").render(
        found=found,
        heading=_heading(found),
        graph=run.graph.name,
        sides=[_side(one, run) for one in found.sides],
        width=_WIDTH,
        thumbnail=_THUMBNAIL,
    )


def _heading(found: Explanation) -> str:
    if found.pair is None:
        return f"Why the model says {found.prediction} of {found.title}"
    one, other = (end.title for end in found.pair.ends)
    if found.pair.kind != "link":
        one, other = (f"the {end.role} of {end.title}" for end in found.pair.ends)
    if found.pair.rank is None:
        return f"Why the model says that {one} and {other} are {found.pair.prediction}"
    return f"Why {other} comes as {found.pair.prediction} for {one}"


def _side(found: Explanation, run: Run) -> Side:
    near = _neighbours(found, run)
    said = {"targets": [found.target], "predictions": [found.prediction]}
    own = show_entities(run.view, found.entity, [found.row], **said)
    return Side(
        found=found,
        own=own,
        centre=own[0].pictures[0][1] if own[0].pictures else "",
        parts=bars(found.parts, "name", "kind"),
        neighbours=bars(found.neighbours, "title", "relations"),
        features=bars(found.features, "modality", "whose"),
        strongest=bars(_told_by_name(found.strongest_features()), "modality", "feature"),
        # Of those that have nothing to look at the picture and the table above say all.
        cards=near if any(one.pictures or one.texts for one in near) else [],
        spots=_spots(found, near),
        height=2 * (_ring(len(near)) + _MARGIN),
    )


def _told_by_name(strongest: pd.DataFrame) -> pd.DataFrame:
    """Return features by their names where they have one, else by their numbers."""
    if "name" not in strongest:
        return strongest
    return strongest.assign(feature=strongest["name"].where(strongest["name"] != "", strongest["feature"]))


def _neighbours(found: Explanation, run: Run) -> list[Sample]:
    """Return the neighbours as people see them; without their answers, which the model does not see."""
    samples: dict[tuple[str, int], Sample] = {}
    for kind in dict.fromkeys(kind for kind, _ in found.neighbour_rows):
        rows = [row for entity, row in found.neighbour_rows if entity == kind]
        shown = show_entities(run.view, kind, rows, targets=[""] * len(rows))
        samples |= {(kind, row): sample for row, sample in zip(rows, shown, strict=True)}
    return [samples[place] for place in found.neighbour_rows]


def bars(table: pd.DataFrame, name: str, more: str) -> list[Bar]:
    """Return rows of a table of what added and what took.

    Args:
        table: What was found, with ``added``, ``error`` where it was sampled, and where answers are ranked
            ``rank``.
        name: The column of names.
        more: The column of what else is said of each.
    """
    longest = float(table["added"].abs().max()) if len(table) else 0.0
    errors = table["error"] if "error" in table else pd.Series(0.0, index=table.index)
    return [
        Bar(
            str(row[name]),
            readable(row["added"], 4, beside=longest, signed=True)
            + (f" ± {readable(error, 4, beside=longest)}" if error > 0 else ""),
            100 * abs(row["added"]) / longest if longest else 0.0,
            row["added"] >= 0,
            str(row[more]) + (f"; rank {row['rank']:g} without" if "rank" in table else ""),
        )
        for (_, row), error in zip(table.iterrows(), errors, strict=True)
    ]


def _ring(count: int) -> int:
    """Return how far above the entity the first of some neighbours stands."""
    return max(_RING, _PER_NEIGHBOUR * count)


def _spots(found: Explanation, near: list[Sample]) -> list[Spot]:
    longest = float(found.neighbours["added"].abs().max()) if len(near) else 0.0
    ring, spots = _ring(len(near)), []
    for number, (sample, row) in enumerate(zip(near, found.neighbours.to_dict("records"), strict=True)):
        angle = 2 * math.pi * number / len(near) - math.pi / 2
        spots.append(
            Spot(
                x=_WIDTH / 2 + 1.6 * _RING * math.cos(angle),
                y=ring + _MARGIN + ring * math.sin(angle),
                title=_short(sample.title),
                picture=sample.pictures[0][1] if sample.pictures else "",
                width=1 + 7 * abs(row["added"]) / longest if longest else 1.0,
                gain=row["added"] >= 0,
                relations=row["relations"],
            )
        )
    return spots


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
