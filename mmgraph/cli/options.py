"""The options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mmgraph.plugins import load_plugin
from mmgraph.progress import Progress

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A dataset's name (`mmgraph list datasets`) or folder, or GraphStorm's construct.json.",
    ),
]
GraphArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH",
        help="A graph folder, made by `mmgraph build-graph`, or where one is, such as s3://bucket/graph.",
    ),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by `mmgraph train`.")]

TaskOption = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="TASK",
        help="A task of the graph, several (A,B), pretrain, link:RELATION, "
        "retrieval:QUERY,ANSWER or matching:QUERY,ANSWER (two modalities).",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="`mmgraph list models`; hetero_gat by default."),
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", metavar="CONFIG", help="A name (`mmgraph list configs`) or a YAML file."),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="Seeds everything random; 0 by default.")
]
SeedsOption = Annotated[
    int, typer.Option("--seeds", min=1, metavar="N", help="How many seeds for each model, counted from 0.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; may be given again."),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="Where workers run: local, or ray for a Ray cluster (RAY_ADDRESS, else this machine).",
    ),
]
EncodeDeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Where pre-trained models encode: auto (a GPU where there is one), cpu, cuda, or one of several "
        "GPUs: cuda:1; by default what MMGRAPH_DEVICE says, or auto.",
    ),
]
EncodePrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="P",
        help="What they compute in: 32 or bf16-mixed; by default bf16-mixed on a GPU that has it.",
    ),
]
EntityOption = Annotated[
    str | None,
    typer.Option("--entity", metavar="TYPE", help="The entity type; by default that of the task."),
]
EvalBatchSizeOption = Annotated[
    int | None,
    typer.Option(
        "--eval-batch-size",
        min=1,
        metavar="N",
        help="Nodes that are measured at a time with all of their neighbours, where more take too much "
        "memory; by default as in training.",
    ),
]
GraphOption = Annotated[
    str | None,
    typer.Option("--graph", metavar="GRAPH", help="The graph, where it is not where the run was made."),
]

GroupOption = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="COLUMN",
        help="Show how it fares with the test entities by this column; may be given again.",
    ),
]
GroupTableOption = Annotated[
    Path | None,
    typer.Option("--table", metavar="TABLE", help="A table with more columns for --group, by its ids."),
]
ExplainOption = Annotated[
    list[str] | None,
    typer.Option("--explain", metavar="ID", help="An entity whose answer is explained; may be given again."),
]
MapOption = Annotated[
    Literal["tsne", "umap"],
    typer.Option("--map", help="How the map comes into the plane: t-SNE, or UMAP (umap-learn)."),
]
PartTaskOption = Annotated[
    str | None,
    typer.Option(
        "--task", metavar="TASK", help="Of several tasks that the run was trained on, the one that is meant."
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier folder of the same kind.")
]
OverwriteFileOption = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier file.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else there.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Run a Python file first that registers relations, layers, ...; may be given again.",
    ),
]


def begin(*, quiet: bool, plugin: list[Path] | None = None) -> Progress:
    """Load the plugins of a command and return its progress."""
    for path in plugin or ():
        load_plugin(path)
    return Progress(quiet=quiet)


def examples(*lines: str) -> str:
    """Return the end of a command's help: one example a line, each of which a test runs.

    Example:
        >>> examples("mmgraph demo")
        'Examples:\\n\\n  mmgraph demo'
    """
    # An empty line between two lines keeps rich from joining them; a backslash keeps [edges=none] as it is.
    return "\n\n".join(["Examples:", *(f"  {line}".replace("[", "\\[") for line in lines)])
