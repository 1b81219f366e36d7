"""``mmgraph embed``: the unified representation of every entity, or the states of modality nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from mmgraph.cli.output import write_json, write_line
from mmgraph.counted import agreed, counted

EXAMPLES = (
    "mmgraph embed run --out vectors.parquet",
    "mmgraph embed run --out vectors.npy --json",
    "mmgraph embed pairs --side sans --out pictures.parquet",
    "mmgraph embed run --modality sans --out sans.parquet",
)


def embed(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="vectors.parquet, or vectors.npy with the ids in vectors.ids.csv."
        ),
    ],
    entity: EntityOption = None,
    side: Annotated[
        str | None,
        typer.Option(
            "--side",
            metavar="MODALITY",
            help="Of a retrieval: where entities lie by this modality in the space that compares both sides.",
        ),
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(
            "--modality",
            metavar="MODALITY",
            help="The nodes of this modality in place of the entities: each the state that its entity reads.",
        ),
    ] = None,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    overwrite: OverwriteFileOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Write one vector for every entity, one side of each, or every node of a modality, as Parquet or npy."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.evaluation.embeddings import check_target, write_embeddings

    check_target(out, overwrite=overwrite)
    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    chosen = entity or loaded.task.labels.entity
    ids, vectors = loaded.embed(chosen, side=side, modality=modality)
    files = write_embeddings(out, ids.tolist(), vectors)
    if json:
        write_json(
            {
                "entity": chosen,
                "side": side,
                "modality": modality,
                "files": [str(file) for file in files],
                "entities": vectors.shape[0],
                "channels": vectors.shape[1],
            }
        )
    else:
        nodes = f"{chosen}/{modality}" if modality else chosen
        shown = " and ".join(str(file) for file in files)
        write_line(
            f"{counted(vectors.shape[0], 'vector')} of width {vectors.shape[1]} for {nodes} "
            f"{agreed(vectors.shape[0], 'is', 'are')} in {shown}"
        )
