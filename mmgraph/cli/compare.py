"""``mmgraph compare``: several models on the same split and seeds, a table and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    ExplainOption,
    GraphArgument,
    GroupOption,
    GroupTableOption,
    JsonOption,
    MapOption,
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
    "mmgraph compare glyphs-graph --task script --models mlp,hetero_gat --seeds 1 --out cmp",
    "mmgraph compare glyphs-graph --task script --models hetero_gat --controls few --out few",
    "mmgraph compare glyphs-graph --task script --models mlp,hetero_gat --controls none --splits 2 "
    "--dataset glyphs --seeds 1 --out splits",
    "mmgraph compare glyphs-graph --task script --models 'hetero_gat[edges=none]'",
    "mmgraph compare glyphs-graph --task script --models mlp,hetero_gat --controls none --explain U+0041 "
    "--out why",
    "mmgraph compare glyphs-graph --task link:case_pair --models adamic_adar,hetero_gat --controls none "
    "--out links",
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
            "logistic_regression, ridge, gradient_boosting and label_propagation; for several labels prior "
            "and one_vs_rest, for links common_neighbours, adamic_adar, popularity and matrix_factorisation, "
            "for retrieval and matching chance, cca, linear_map, kernel_map and closed_form. By default the "
            "baselines of the task's kind, mlp, cross_modal_transformer, co_attention and hetero_gat.",
        ),
    ] = None,
    controls: Annotated[
        str | None,
        typer.Option(
            "--controls",
            metavar="none|few|all",
            help="What is added to tell whether the graph helps the subject: few for the baselines, mlp, and "
            "the subject without relations, with shuffled ones and with noise for features; all to leave out "
            "each relation and each modality as well; none for the entries that are named alone. By default "
            "all; none where no model reads relations and --subject names no model.",
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject",
            metavar="MODEL",
            help="The entry that the question is about, and whose controls are added; by default the first "
            "model that reads relations, else, without controls, the best on validation.",
        ),
    ] = None,
    seeds: SeedsOption = 3,
    splits: Annotated[
        int,
        typer.Option(
            "--splits",
            min=1,
            metavar="K",
            help="Repeat on so many random splits: the graph's own, and others that it is built anew with.",
        ),
    ] = 1,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="DATASET",
            help="With --splits: what the graph was built from, name or folder.",
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            "--trials",
            min=0,
            metavar="N",
            help="Try so many configs of each model on the validation entities of each split first (Optuna).",
        ),
    ] = 0,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, metavar="N", help="Train in so many processes at a time.")
    ] = 1,
    assignments: SetOption = None,
    group: GroupOption = None,
    table: GroupTableOption = None,
    explain: ExplainOption = None,
    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            metavar="MODEL",
            help="The model whose first run is explained and mapped; by default the subject.",
        ),
    ] = None,
    map_method: MapOption = "tsne",
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where the table, the report and the runs go."),
    ] = Path("mmgraph-comparison"),
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with what is done at --out, finished or not; models, seeds and splits can be added.",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Train several models on the same splits and seeds; say whether the graph helps; write a report."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.evaluation.entries import split_list

    comparison = mg.compare(
        graph,
        task=task,
        models=None if models is None else split_list(models),
        seeds=seeds,
        splits=splits,
        dataset=dataset,
        trials=trials,
        controls=controls,
        subject=subject,
        jobs=jobs,
        overrides=assignments or (),
        groups=group or (),
        table=table,
        explain=explain or (),
        show=show,
        map_method=map_method,
        out=out,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )
    write_comparison(comparison, json=json)
