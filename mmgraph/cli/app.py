"""The typer application: the subcommands with their examples, and the options of ``mmgraph`` itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from mmgraph.cli import (
    anomalies,
    attach,
    audit,
    build_graph,
    cluster,
    compare,
    convert,
    demo,
    embed,
    evaluate,
    explain,
    extract,
    inspect,
    listing,
    predict,
    prepare,
    report,
    search,
    train,
    tune,
    validate,
)
from mmgraph.cli.options import examples

COMMANDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "demo": (demo.demo, demo.EXAMPLES),
    "prepare": (prepare.prepare, prepare.EXAMPLES),
    "validate": (validate.validate, validate.EXAMPLES),
    "extract": (extract.extract, extract.EXAMPLES),
    "build-graph": (build_graph.build_graph, build_graph.EXAMPLES),
    "inspect": (inspect.inspect, inspect.EXAMPLES),
    "audit": (audit.audit, audit.EXAMPLES),
    "convert": (convert.convert, convert.EXAMPLES),
    "attach": (attach.attach, attach.EXAMPLES),
    "train": (train.train, train.EXAMPLES),
    "evaluate": (evaluate.evaluate, evaluate.EXAMPLES),
    "explain": (explain.explain, explain.EXAMPLES),
    "report": (report.report, report.EXAMPLES),
    "compare": (compare.compare, compare.EXAMPLES),
    "tune": (tune.tune, tune.EXAMPLES),
    "embed": (embed.embed, embed.EXAMPLES),
    "predict": (predict.predict, predict.EXAMPLES),
    "search": (search.search, search.EXAMPLES),
    "cluster": (cluster.cluster, cluster.EXAMPLES),
    "anomalies": (anomalies.anomalies, anomalies.EXAMPLES),
    "list": (listing.list_names, listing.EXAMPLES),
}


def build_app() -> typer.Typer:
    """Return the application with all subcommands."""
    app = typer.Typer(
        name="mmgraph",
        help="Multimodal representation learning on heterogeneous graphs: one vector for each entity that "
        "holds all its modalities, and an honest answer to whether the graph helps.",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=examples("mmgraph demo", "mmgraph list datasets"),
    )
    app.callback()(_root)
    for name, (function, lines) in COMMANDS.items():
        app.command(name, epilog=examples(*lines))(function)
    return app


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; may stand anywhere.")
    ] = False,
) -> None:
    """Take the options that stand before a command; ``main`` has read ``--debug`` already."""


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mmgraph {version('mmgraph')}")
        raise typer.Exit
