"""``mmgraph predict``: what a run says of new entities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
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
from mmgraph.counted import agreed, counted

EXAMPLES = (
    "mmgraph predict run --input new-glyphs/glyphs.csv",
    "mmgraph predict run --input new-glyphs --out answers.parquet",
    "mmgraph predict run --input new-glyphs --json",
)

_SHOWN = 20


def predict(
    run: RunArgument,
    entities: Annotated[
        Path,
        typer.Option(
            "--input",
            metavar="TABLE",
            help="The new entities: a CSV, JSONL or Parquet table with the columns of the dataset, or a "
            "folder with tables under the names that the dataset gives them.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write all answers, as answers.csv, .jsonl or .parquet."),
    ] = None,
    overwrite: OverwriteFileOption = False,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Predict for entities that the graph does not know, without training or building anything anew."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.serving.answers import plain_answers, require_answer_file, write_answers

    if out is not None:
        require_answer_file(out, overwrite=overwrite)
    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    table = mg.predict(loaded, entities, progress=progress)
    if out is not None:
        write_answers(out, table)
    if json:
        document = {"target": loaded.task.describe(), "predictions": plain_answers(table)}
        write_json(document | {"file": None if out is None else str(out)})
        return
    columns = [name for name in table.columns if not name.endswith("probabilities")]
    write_table(columns, table[columns].head(_SHOWN).itertuples(index=False))
    if len(table) > _SHOWN:
        write_line(f"{len(table) - _SHOWN:,} more; --out FILE or --json gives all")
    if out is not None:
        write_line(f"{counted(len(table), 'answer')} {agreed(len(table), 'is', 'are')} in {out}")
