"""Compare models, controls and baselines: the same graph, splits, budget and seeds for each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mmgraph.errors import ConfigError
from mmgraph.evaluation.comparison import Comparison, failed
from mmgraph.evaluation.page_options import PageOptions
from mmgraph.evaluation.paper import write_paper
from mmgraph.evaluation.plan import Plan, Request, plan_comparison
from mmgraph.evaluation.report import render_report, shown_run
from mmgraph.evaluation.report_map import MapMethod
from mmgraph.evaluation.report_robustness import FOLDER as ROBUSTNESS
from mmgraph.evaluation.report_robustness import robustness_section
from mmgraph.evaluation.report_slices import Slicing
from mmgraph.evaluation.schedule import check_jobs, done_runs, run_all
from mmgraph.evaluation.side_by_side import threads_for
from mmgraph.evaluation.unfinished_comparison import MARKER, RECORD, open_comparison
from mmgraph.evaluation.verdict import document
from mmgraph.graph.graph import Graph
from mmgraph.progress import Progress
from mmgraph.training.run_folder import load_run
from mmgraph.training.unfinished import unfinished_folder


def compare(
    graph: Graph | str | Path,
    *,
    task: str,
    models: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    splits: int = 1,
    dataset: str | Path | None = None,
    trials: int = 0,
    controls: str | None = None,
    subject: str | None = None,
    jobs: int = 1,
    overrides: Sequence[str] = (),
    groups: Sequence[str] = (),
    table: str | Path | None = None,
    explain: Sequence[str] = (),
    show: str | None = None,
    map_method: MapMethod = "tsne",
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Return how several models do on one task of a graph, and whether the graph helps.

    Every entry has the same features, the same splits and the same seeds. An entry that raises is noted as a
    failure, and the others go on. A trial that is done is not done again: with an ``out``, everything is kept
    beside it in ``out.unfinished`` until all is done, and goes on from there.

    Args:
        graph: The graph, or its folder.
        task: The name of the task.
        models: The entries: a model (``mlp``), a model with config overrides (``hetero_gat[edges=none]``), or
            a baseline (``logistic_regression``, ``gradient_boosting`` and ``label_propagation`` for
            classification, ``ridge``, ``gradient_boosting`` and ``label_propagation`` for regression,
            ``prior``, ``one_vs_rest`` and ``label_propagation`` for several labels; for links
            ``common_neighbours``, ``adamic_adar``, ``popularity`` and ``matrix_factorisation``, for retrieval
            and matching ``chance``, ``cca``, ``linear_map``, ``kernel_map`` and
            ``closed_form``). By default the baselines of
            the task's kind, ``mlp``, ``cross_modal_transformer``, ``co_attention`` and ``hetero_gat``.
        seeds: How many seeds, counted from 0, or the seeds themselves.
        splits: On how many random splits; the first is the graph's own, and for the others the graph is built
            anew, so that nothing fitted sees what they hold out.
        dataset: What the graph was built from, a name or a folder, where there are several splits.
        trials: How many configs of each model are tried on the validation entities of each split before it is
            trained with the best one; 0 to take each as it is. Needs Optuna.
        controls: What is added to see what the graph is worth to the subject: ``few``: the baselines,
            ``mlp``, the subject without relations, with shuffled ones and with noise for features; ``all``:
            also without each relation and each modality; ``none``. By default ``all``, and none where no
            model reads relations and ``subject`` names no model.
        subject: The entry that the question is about, and whose controls are added; by default the first
            model that reads relations, with edges and features as they are given. Where there is none, the
            question is about the best on validation.
        jobs: How many processes train at a time; they share this one's threads. Needs a graph folder and an
            ``out``.
        overrides: Config overrides for all models, such as ``max_epochs=50``.
        groups: Columns to make groups of the test entities by, in the report: targets, splits and titles that
            the graph keeps, or columns of ``table``. Needs an ``out``.
        table: A table with further columns; rows are found by their ids.
        explain: Entities whose answers are explained, in the report. Needs an ``out``.
        show: The model whose first run is explained, mapped and, where that was measured, tried; by default
            the subject, or where that is a baseline the best model on validation.
        map_method: How its map comes into the plane: ``tsne``, or ``umap``, which needs umap-learn.
        out: Where to write ``comparison.json``, ``results.csv``, ``report.html``, ``paper/`` and the runs; if
            it is ``None``, nothing is written.
        resume: Go on with what is done, in an unfinished comparison at ``out`` or a finished one, to which
            models, seeds and splits can be added. If there is none, it begins.
        overwrite: Replace an earlier comparison.
        progress: Where to say what is going on.

    Raises:
        ConfigError: If an entry, a seed, a number or an override cannot be used, or what is to be resumed is
            another comparison.
        GraphError: If the task has no labelled test entities, or there is no entity to explain.
        MissingDependencyError: If the map needs a package that is not installed.
        RunError: If there is an unfinished comparison, or another process is at it, or what was tried of a
            run that is done is not of it any more.
        MMGraphError: If every entry raises.
    """
    request = Request(models, seeds, overrides, controls, subject, splits, dataset, trials)
    plan = plan_comparison(graph, task, request)
    progress = progress or Progress(quiet=True)
    if controls is None and plan.subject is None:
        progress.say("No model here reads relations, so no controls are added: --subject MODEL adds its own")
    folder = None if out is None else Path(out)
    check_jobs(plan, folder, jobs)
    options = PageOptions(Slicing(tuple(groups), table), tuple(explain), show, map_method)
    options.check(plan)
    if folder is None:
        for given, name in ((groups, "group"), (explain, "explain"), (show, "show")):
            if given:
                raise ConfigError(
                    "there is no report to show that in", where=f"--{name}", fix="Give --out as well."
                )
        if resume:
            raise ConfigError("there is nowhere to resume from", where="resume", fix="Give --out as well.")
        return carry_out(plan, None, progress, jobs=jobs)
    if resume:
        _check_tried(plan, folder)
    with open_comparison(folder, _record(plan, jobs), resume=resume, overwrite=overwrite) as new:
        comparison = run_and_write(plan, new, progress, jobs=jobs, options=options)
    return replace(comparison, folder=folder)


def _check_tried(plan: Plan, out: Path) -> None:
    """Make sure, before anything is trained, that what was tried of runs is of the weights that they have.

    Raises:
        RunError: If it is of others.
    """
    unfinished = unfinished_folder(out)
    for done in done_runs(plan, unfinished if (unfinished / RECORD).is_file() else out):
        if (done / ROBUSTNESS).is_dir():
            robustness_section(load_run(done, graph=plan.graph))


def run_and_write(
    plan: Plan, folder: Path, progress: Progress, *, jobs: int = 1, options: PageOptions | None = None
) -> Comparison:
    """Run a planned comparison and write it into a folder that is there: runs, tables and report."""
    comparison = carry_out(plan, folder, progress, jobs=jobs)
    content = json.dumps(document(comparison), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MARKER).write_text(content + "\n", encoding="utf-8")
    comparison.table().to_csv(folder / "results.csv", index=False, lineterminator="\n")
    options = options or PageOptions()
    with progress.job("report", total=1) as advance:
        run = shown_run(comparison, folder, plan.graph, options.show)
        slices = options.slicing.slices(comparison, plan.graph.view(comparison.task))
        page = render_report(comparison, plan.graph, run=run, slices=slices, options=options)
        (folder / "report.html").write_text(page, encoding="utf-8")
        write_paper(comparison, folder / "paper", slices=slices)
        advance(1)
    return comparison


def carry_out(plan: Plan, folder: Path | None, progress: Progress, *, jobs: int = 1) -> Comparison:
    """Return what came of every trial of a plan; what is done already, in the folder, is not done again.

    Raises:
        MMGraphError: If every trial raises.
    """
    trials, failures = run_all(plan, folder, progress, jobs=jobs)
    if not trials:
        raise failed(failures)
    return Comparison(
        graph=plan.graph.name,
        fingerprint=plan.graph.fingerprint(),
        task=plan.ground.task.labels.task,
        spec=plan.graph.task(plan.ground.task_name),
        monitor=plan.ground.task.monitor,
        entries=plan.entries,
        overrides=plan.overrides,
        seeds=plan.seeds,
        trials=tuple(trials),
        failures=tuple(failures),
        subject=plan.subject,
        roles=plan.roles,
        draws=tuple(range(plan.splits)),
        overlap=plan.ground.overlap,
        searched=plan.trials,
    )


def _record(plan: Plan, jobs: int) -> dict[str, Any]:
    """Return what all trials have in common; models, seeds and splits can be added to it."""
    return {
        "graph": plan.graph.fingerprint(),
        "task": plan.ground.task_name,
        "overrides": " ".join(plan.overrides),
        "trials": plan.trials,
        # The last digits of a training depend on it.
        "threads": torch.get_num_threads() if jobs == 1 else threads_for(jobs),
    }
