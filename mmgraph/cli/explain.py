"""``mmgraph explain``: what an answer of a run rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mmgraph.cli.options import (
    GraphOption,
    JsonOption,
    PartTaskOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_json, write_line, write_table
from mmgraph.counted import agreed
from mmgraph.errors import ConfigError
from mmgraph.readable import readable

if TYPE_CHECKING:
    import pandas as pd

    from mmgraph.evaluation.explanation.explanation import Explanation, Fidelity
    from mmgraph.evaluation.explanation.overall import OverallExplanation
    from mmgraph.training.run import Run

EXAMPLES = (
    "mmgraph explain run --entity U+0041",
    "mmgraph explain run --entity U+0041 --class greek --page why.html --json",
    "mmgraph explain run --entity U+0041 --explainer gnn_explainer",
    "mmgraph explain cases --entity U+0041 --answer U+0061 --page why-link.html",
    "mmgraph explain run --sample 5",
    "mmgraph explain run --class latin --split train --sample 5 --json",
)


def explain(
    run: RunArgument,
    entity: Annotated[
        str | None,
        typer.Option(
            "--entity",
            metavar="ID",
            help="An entity, of links the source, of a retrieval or a matching the query; by default a whole "
            "class, or the whole task.",
        ),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(
            "--class",
            "--answer",
            metavar="CLASS|ID",
            help="The class or label to ask about; of links, a retrieval or a matching the id of the other "
            "end. For an entity by default what the model says.",
        ),
    ] = None,
    task: PartTaskOption = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option("--split", help="Without --entity: whose answers; test by default."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", min=2, metavar="N", help="Without --entity: how many of them; 50 by default."
        ),
    ] = None,
    explainer: Annotated[
        Literal["gnn_explainer", "captum"] | None,
        typer.Option("--explainer", help="With --entity: an explainer of PyG to ask as well."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page", metavar="FILE.html", help="With --entity: write a page with pictures and texts."
        ),
    ] = None,
    orders: Annotated[
        int,
        typer.Option(
            "--orders", min=4, metavar="N", help="How many orders are sampled where too many things add."
        ),
    ] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Draws the orders.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier page.")] = False,
    graph: GraphOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Say what an answer of a run rests on: modalities, relations, neighbours, features."""
    progress = begin(quiet=quiet, plugin=plugin)
    _refuse("--entity", entity is None, {"--explainer": explainer, "--page": page})
    _refuse(
        "a whole class or task, without --entity", entity is not None, {"--split": split, "--sample": sample}
    )
    import mmgraph as mg
    from mmgraph.atomic import require_file

    if page is not None:
        require_file(page, overwrite=overwrite, option="--page")
    loaded = mg.load_run(run, graph=graph)
    if entity is None:
        overall = mg.explain_all(
            loaded,
            split=split or "test",
            answer=answer,
            task=task,
            sample=50 if sample is None else sample,
            orders=orders,
            seed=seed,
            progress=progress,
        )
        _write_overall(overall, json=json)
        return
    found = mg.explain(
        loaded, entity, answer=answer, task=task, explainer=explainer, orders=orders, seed=seed
    )
    _write_one(found, loaded, page, json=json)


def _refuse(wanted: str, missing: bool, given: dict[str, Any]) -> None:
    for option, value in given.items():
        if missing and value is not None:
            raise ConfigError(f"goes with {wanted}", where=option, fix="Leave it out.")


def _write_one(found: Explanation, run: Run, page: Path | None, *, json: bool) -> None:
    if page is not None:
        found.save_page(page, run)
    if json:
        write_json({**found.to_json(), "page": None if page is None else str(page)})
        return
    write_line(found.says)
    if found.pair is not None:
        kind = "score" if found.pair.kind == "link" else "logit"
        write_line(
            f"{kind} {readable(found.pair.score, 4)}; {found.asked}: {readable(found.value, 4)}"
            f"{_probability(found, 0)}"
        )
    for side in found.sides:
        _write_side(side)
    if page is not None:
        write_line(f"The page is {page}")


def _write_side(found: Explanation) -> None:
    reached = (
        f"{found.role} {found.title} ({found.id}), all else as it is"
        if found.pair is not None
        else f"{found.asked}: {readable(found.value, 4)}{_probability(found, 0)}"
    )
    write_line(
        f"{reached}; without any modality of its own and without relations "
        f"{readable(found.nothing, 4)}{_probability(found, 1)}"
    )
    _write_rows(found.parts, "what each added" + ("" if found.exact else ", by sampled orders"))
    _write_fidelity(found.fidelity)
    if len(found.neighbours):
        more = f"; {found.left_out} with less effect are left out" if found.left_out else ""
        _write_rows(found.neighbours, f"what each neighbour added{more}")
        _write_fidelity(found.fidelity_of_neighbours)
    _write_rows(
        found.features,
        "features, by integrated gradients from the mean of training; together "
        f"{readable(found.features['added'].sum(), 4, signed=True)}, within {abs(found.gap):.1g} of how far "
        "that moves it",
    )
    _write_rows(found.strongest_features(), "the features of its own that count most")
    _write_rows(found.attention, "whom it looked at")
    _write_rows(found.masks, "the masks of PyG's explainer")


def _probability(found: Explanation, place: int) -> str:
    """Return log-odds as a probability, in brackets; nothing of a regression."""
    plain = found.plain[place]
    return "" if plain == (found.value, found.nothing)[place] else f" (probability {readable(plain, 4)})"


def _write_overall(found: OverallExplanation, *, json: bool) -> None:
    if json:
        write_json(found.to_json())
        return
    of = "pairs" if found.role else "entities"
    write_line(f"{found.model} on {found.task}: {found.entities} of {found.of} {of} of {found.split}")
    for side in found.sides:
        by = f", by the {side.role}" if side.role else ""
        _write_rows(side.parts, f"what each added to the {side.asked}, on average{by}")
        write_line(
            f"without the most important ones {side.changes[0]} (fidelity+), with them alone "
            f"{side.changes[1]} (fidelity-)"
        )


def _write_rows(table: pd.DataFrame, title: str) -> None:
    if table.empty:
        return
    write_line(title)
    if "error" in table and not table["error"].any():
        # Exact.
        table = table.drop(columns="error")
    names = [str(name) for name in table.columns]
    numbers = table.select_dtypes("float").drop(columns="rank", errors="ignore")
    largest = max((abs(float(number)) for number in numbers.to_numpy().flat), default=0.0)
    rows = [
        [_cell(name, value, largest) for name, value in zip(names, row, strict=True)]
        for row in table.itertuples(index=False)
    ]
    write_table(names, rows)


def _cell(name: str, value: Any, largest: float) -> Any:
    if not isinstance(value, float):
        return value
    if name == "rank":
        return f"{value:g}"
    return readable(value, 4, beside=largest, signed=name in ("added", "alone"))


def _write_fidelity(found: Fidelity) -> None:
    if not found.important:
        write_line("nothing speaks for the answer")
        return
    names = ", ".join(name for _, name in found.important)
    them = agreed(len(found.important), "that", "those")
    write_line(
        f"without {names} {found.changes[0]} (fidelity+), with {them} alone {found.changes[1]} (fidelity-)"
    )
