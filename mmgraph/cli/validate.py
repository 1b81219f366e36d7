"""``mmgraph validate``: list all faults of a dataset at once."""

from __future__ import annotations

import dataclasses

import typer

from mmgraph.cli.options import DatasetArgument, JsonOption, PluginOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_line
from mmgraph.errors import DataError

EXAMPLES = ("mmgraph validate glyphs", "mmgraph validate glyphs-dataset --json")


def validate(
    dataset: DatasetArgument,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Read a dataset's spec and every file of it, and list all faults at once.

    Relations are built on trial, unless they need features; the command says which ones do.
    """
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.encoders import encoder_faults
    from mmgraph.graph import relation_faults, unbuilt_relations

    faults = mg.validate_dataset(dataset, checks=(encoder_faults, relation_faults), progress=progress)
    unbuilt = [] if faults else unbuilt_relations(mg.load_dataset(dataset))
    if json:
        found = [dataclasses.asdict(fault) for fault in faults]
        write_json({"dataset": dataset, "faults": found, "not_built": unbuilt})
        raise typer.Exit(DataError.exit_code if faults else 0)
    if faults:
        raise DataError.of(faults)
    write_line(f"No fault was found in the dataset {dataset}")
    if unbuilt:
        names = ", ".join(unbuilt)
        write_line(f"Checked but not built, as they need features: {names}")
