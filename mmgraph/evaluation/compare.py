"""Compare models, controls and baselines: the same graph, split, budget and seeds for each."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmgraph.atomic import atomic_folder
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.comparison import Comparison, Failure, Trial, failed
from mmgraph.evaluation.entries import Entry
from mmgraph.evaluation.plan import Plan, plan_comparison
from mmgraph.evaluation.report import render_report
from mmgraph.evaluation.verdict import document
from mmgraph.graph.graph import Graph
from mmgraph.progress import Progress
from mmgraph.training.train import train
from mmgraph.yaml_text import dump_yaml

MARKER = "comparison.json"


def compare(
    graph: Graph | str | Path,
    *,
    task: str,
    models: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Return how several models do on one task of a graph.

    Every entry has the same features, the same split and the same seeds. An entry that raises is noted as a
    failure, and the others go on.

    Args:
        graph: The graph, or its folder.
        task: The name of the task.
        models: The entries: a model (``mlp``), a model with config overrides (``hetero_gat[edges=none]``), or
            a baseline (``logistic_regression`` for classification, ``ridge`` for regression, ``prior`` and
            ``one_vs_rest`` for several labels; for links
            ``common_neighbours``, ``adamic_adar``, ``popularity`` and ``matrix_factorisation``, for retrieval
            and matching ``chance``, ``cca``, ``linear_map``, ``kernel_map`` and
            ``closed_form``). By default the baselines of
            the task's kind, ``mlp``, ``cross_modal_transformer``, ``co_attention`` and ``hetero_gat``.
        seeds: How many seeds, counted from 0, or the seeds themselves.
        overrides: Config overrides for all models, such as ``max_epochs=50``.
        out: Where to write ``comparison.json``, ``results.csv``, ``report.html`` and the runs; if it is
            ``None``, nothing is written.
        overwrite: Replace an earlier comparison.
        progress: Where to say what is going on.

    Raises:
        ConfigError: If an entry, a seed or an override cannot be used.
        GraphError: If the task has no labelled test entities.
        MMGraphError: If every entry raises.
    """
    plan = plan_comparison(graph, task, models, seeds, overrides)
    progress = progress or Progress(quiet=True)
    if out is None:
        return _run_all(plan, None, progress)
    with atomic_folder(Path(out), marker=MARKER, overwrite=overwrite) as new:
        comparison = run_and_write(plan, new, progress)
    return replace(comparison, folder=Path(out))


def run_and_write(plan: Plan, folder: Path, progress: Progress) -> Comparison:
    """Run a planned comparison and write it into a folder that is there: runs, tables and report."""
    comparison = _run_all(plan, folder, progress)
    content = json.dumps(document(comparison), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MARKER).write_text(content + "\n", encoding="utf-8")
    comparison.table().to_csv(folder / "results.csv", index=False, lineterminator="\n")
    (folder / "report.html").write_text(render_report(comparison, plan.graph), encoding="utf-8")
    return comparison


def _run_all(plan: Plan, folder: Path | None, progress: Progress) -> Comparison:
    """Run every entry with every seed; what raises is kept as a failure.

    Raises:
        MMGraphError: If every trial raises.
    """
    trials: list[Trial] = []
    failures: list[Failure] = []
    todo = [(entry, seed) for entry in plan.entries for seed in plan.seeds_of(entry)]
    with progress.job("compare", total=len(todo)) as advance:
        for entry, seed in todo:
            advance(0, f"{entry.name}, seed {seed}")
            start = time.monotonic()
            try:
                trial = _run(plan, entry, seed, folder)
            except Exception as error:  # whatever a model or a plugin raises, the other entries go on
                failures.append(Failure(entry.name, seed, error))
                progress.say(f"failed: {failures[-1]}")
            else:
                trials.append(trial)
                progress.say(_line(trial, time.monotonic() - start))
            advance(1)
    if not trials:
        raise failed(failures)
    return Comparison(
        graph=plan.graph.name,
        fingerprint=plan.graph.fingerprint(),
        task=plan.task.labels.task,
        spec=plan.graph.task(plan.task.labels.task),
        monitor=plan.task.monitor,
        entries=plan.entries,
        overrides=plan.overrides,
        seeds=plan.seeds,
        trials=tuple(trials),
        failures=tuple(failures),
    )


def _run(plan: Plan, entry: Entry, seed: int, folder: Path | None) -> Trial:
    """Run one entry with one seed, and keep its run where there is a folder."""
    out = folder / "runs" / entry.folder / str(seed) if folder is not None else None
    if entry.is_baseline:
        return _run_baseline(plan, entry, seed, out)
    run = train(
        # By its folder where it has one, so that the run can be opened again from there.
        plan.folder or plan.graph,
        task=plan.task.labels.task,
        model=entry.model,
        overrides=[*plan.overrides, *entry.overrides],
        seed=seed,
        out=out,
    )
    return Trial(
        entry=entry.name,
        seed=seed,
        metrics=run.metrics(),
        predictions=run.predictions(),
        history=run.history,
        config=run.config.model_dump(mode="json"),
    )


def _run_baseline(plan: Plan, entry: Entry, seed: int, out: Path | None) -> Trial:
    fitted = BASELINES[entry.model].fit(plan.task, plan.features)
    rows = {split: plan.task.rows(split) for split in plan.task.labelled_splits()}
    metrics = {split: plan.task.metrics(fitted.output(of), of) for split, of in rows.items()}
    if out is not None:
        out.mkdir(parents=True)
        (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        (out / "config.yaml").write_text(dump_yaml(fitted.config), encoding="utf-8")
        fitted.predictions.to_parquet(out / "predictions.parquet", index=False)
    return Trial(entry.name, seed, metrics, fitted.predictions, None, fitted.config)


def _line(trial: Trial, seconds: float) -> str:
    metric = next(iter(trial.metrics["test"]))
    value = trial.metrics["test"][metric]
    seed = "" if trial.history is None else f", seed {trial.seed}"
    return f"{trial.entry}{seed}: test {metric} {value:.4f} ({seconds:.1f} s)"
