"""``mmgraph anomalies``: entities unlike those that a run was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mmgraph.cli.options import (
    EntityOption,
    EvalBatchSizeOption,
    GraphOption,
    JsonOption,
    OverwriteFileOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_json, write_line, write_table

EXAMPLES = (
    "mmgraph anomalies run",
    "mmgraph anomalies run --method lof -k 20 --top 5 --out scores.parquet",
    "mmgraph anomalies run --json",
)


def anomalies(
    run: RunArgument,
    method: Annotated[
        Literal["knn", "lof"],
        typer.Option("--method", help="The distance from the nearest, or the local outlier factor."),
    ] = "knn",
    k: Annotated[
        int, typer.Option("-k", min=1, metavar="N", help="How many nearest training entities count.")
    ] = 10,
    top: Annotated[int, typer.Option("--top", min=1, metavar="N", help="How many entities to show.")] = 10,
    entity: EntityOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write the score of each entity, as .csv, .jsonl or .parquet."
        ),
    ] = None,
    overwrite: OverwriteFileOption = False,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Show the entities that are least like those that a run was trained on."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.serving.answers import require_answer_file, write_answers

    if out is not None:
        require_answer_file(out, overwrite=overwrite)
    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    found = mg.anomalies(loaded, method=method, k=k, entity=entity)
    if out is not None:
        write_answers(out, found.table)
    if json:
        write_json({**found.to_json(top), "file": None if out is None else str(out)})
        return
    rows = found.table.head(top).assign(nearest=lambda table: table["nearest"].map(" · ".join))
    title = f"the least usual of {found.entity}, against {found.reference:,} training entities"
    write_table(list(rows.columns), rows.itertuples(index=False), title=title)
    if out is not None:
        write_line(f"The score of each entity is in {out}")
