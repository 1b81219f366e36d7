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
    """Read a dataset's spec and every file of it, and list all faults at once."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.encoders import encoder_faults
    from mmgraph.graph import relation_faults

    faults = mg.validate_dataset(dataset, checks=(encoder_faults, relation_faults), progress=progress)
    if json:
        write_json({"dataset": dataset, "faults": [dataclasses.asdict(fault) for fault in faults]})
        raise typer.Exit(DataError.exit_code if faults else 0)
    if faults:
        raise DataError.of(faults)
    write_line(f"No fault was found in the dataset {dataset}")
