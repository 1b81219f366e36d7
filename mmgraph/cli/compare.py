"""``mmgraph compare``: several models on the same split and seeds, a table and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    GraphArgument,
    JsonOption,
    OverwriteOption,
    PluginOption,
    QuietOption,
    SeedsOption,
    SetOption,
    TaskOption,
    begin,
)
from mmgraph.cli.output import write_comparison

EXAMPLES = (
    "mmgraph compare glyphs-graph --task script --models mlp,hetero_gat --out cmp",
    "mmgraph compare glyphs-graph --task script --models 'hetero_gat[edges=none]'",
    "mmgraph compare glyphs-graph --task link:case_pair --models adamic_adar,hetero_gat --out links",
)


def compare(
    graph: GraphArgument,
    task: TaskOption,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="A,B,...",
            help="Models, models with overrides in brackets (hetero_gat\\[edges=none]), and the baselines "
            "logistic_regression and ridge; for links common_neighbours, adamic_adar, popularity and "
            "matrix_factorisation, for retrieval and matching chance, cca, linear_map, "
            "kernel_map and closed_form. By "
            "default the baselines of the task's kind, mlp, cross_modal_transformer, co_attention and "
            "hetero_gat.",
        ),
    ] = None,
    seeds: SeedsOption = 3,
    assignments: SetOption = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where the table, the report and the runs go."),
    ] = Path("mmgraph-comparison"),
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Train several models on the same split and seeds; write a table and a report page."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.evaluation.entries import split_list

    comparison = mg.compare(
        graph,
        task=task,
        models=None if models is None else split_list(models),
        seeds=seeds,
        overrides=assignments or (),
        out=out,
        overwrite=overwrite,
        progress=progress,
    )
    write_comparison(comparison, json=json)
