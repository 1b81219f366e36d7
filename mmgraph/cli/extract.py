"""``mmgraph extract``: raw files to features, kept for the graphs that need them."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from mmgraph.cli.options import (
    DatasetArgument,
    EncodeDeviceOption,
    EncodePrecisionOption,
    EngineOption,
    JsonOption,
    PluginOption,
    QuietOption,
    SetOption,
    begin,
)
from mmgraph.cli.output import write_json, write_line, write_table

EXAMPLES = (
    "mmgraph extract glyphs",
    "mmgraph extract glyphs --modality glyph/sans --on-error skip --json",
)


def extract(
    dataset: DatasetArgument,
    modality: Annotated[
        list[str] | None,
        typer.Option(
            "--modality",
            metavar="TYPE/NAME",
            help="Encode only this modality, e.g. glyph/sans; may be given again.",
        ),
    ] = None,
    on_error: Annotated[
        str | None,
        typer.Option(
            "--on-error",
            metavar="fail|skip",
            help="A file that cannot be read: fail once all others are encoded, or skip it, so that its "
            "entity lacks the modality; by default what dataset.yaml says.",
        ),
    ] = None,
    assignments: SetOption = None,
    engine: EngineOption = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="How many workers, with --engine ray.")
    ] = 1,
    device: EncodeDeviceOption = None,
    precision: EncodePrecisionOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Encode raw texts, files and tables, and keep the result of each item for the graphs to come.

    What is kept is found by its content: one item that changed is encoded anew, and no other.
    """
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    loaded = mg.load_dataset(dataset, overrides=assignments or (), progress=progress)
    if on_error is not None:
        added = [
            f"entities.{entity}.modalities.{name}.on_error={on_error}"
            for entity, spec in loaded.spec.entities.items()
            for name, modality_spec in spec.modalities.items()
            if hasattr(modality_spec, "on_error")
        ]
        loaded = mg.load_dataset(dataset, overrides=[*(assignments or ()), *added], progress=progress)
    found = mg.extract(
        loaded,
        modality,
        engine=engine or "local",
        workers=workers,
        device=device,
        precision=precision,
        progress=progress,
    )
    if json:
        write_json({"dataset": loaded.spec.name, "modalities": [dataclasses.asdict(each) for each in found]})
        return
    columns = ("modality", "encoder", "items", "distinct", "encoded now", "channels", "seconds")
    rows = [
        (e.modality, e.encoder, e.items, e.distinct, e.encoded, e.channels, f"{e.seconds:.1f}") for e in found
    ]
    write_table(columns, rows)
    for each in found:
        for entity, problem in each.skipped.items():
            write_line(f"Skipped {each.modality} of {entity}: {problem}")
