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
    "mmgraph embed run --input new-glyphs/glyphs.csv --out new.parquet",
)

_SHOWN = 20


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
    entities: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="TABLE",
            help="New entities in place of those of the graph: what `mmgraph predict` takes.",
        ),
    ] = None,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    overwrite: OverwriteFileOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Write one vector for every entity, one side of each, every node of a modality, or new entities."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.evaluation.embeddings import check_target, write_embeddings

    check_target(out, overwrite=overwrite)
    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    chosen = entity or loaded.task.labels.entity
    notes: list[str] = []
    if entities is None:
        ids, vectors = loaded.embed(chosen, side=side, modality=modality)
    else:
        _refuse_modality(modality)
        new = mg.Predictor(loaded).embed(entities, entity=chosen, side=side, progress=progress)
        ids, vectors = new.ids, new.vectors
        notes = [f"{name}: {note}" for name, note in zip(ids, new.notes, strict=True) if note]
    files = write_embeddings(out, ids.tolist(), vectors)
    if json:
        write_json(
            {
                "entity": chosen,
                "side": side,
                "modality": modality,
                "notes": notes,
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
        for note in notes[:_SHOWN]:
            write_line(note)
        if len(notes) > _SHOWN:
            write_line(f"{len(notes) - _SHOWN:,} more notes; --json gives all")


def _refuse_modality(modality: str | None) -> None:
    from mmgraph.errors import ConfigError

    if modality is not None:
        raise ConfigError(
            f"got {modality!r} beside --input; wanted one of both",
            where="--modality",
            fix="Leave it out: new entities have one vector each, and with --side that of one side.",
        )
