"""The main job in one go: a dataset, its graph, five models on the same split, a table and a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmgraph.atomic import atomic_folder
from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import prepare_dataset
from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.evaluation.compare import run_and_write
from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.plan import Request, plan_comparison
from mmgraph.graph.build import build_graph
from mmgraph.progress import Progress

DATASET = "glyphs"
MODELS = ("logistic_regression", "mlp", "cross_modal_transformer", "co_attention", "hetero_gat")
MARKER = "demo.json"
BUDGET = ("model.hidden_channels=64", "max_epochs=50", "patience=12")
"""The same small budget for every model, so that the demo ends within minutes on two cores."""


def run_demo(
    out: Path,
    *,
    dataset: str | Path | None = None,
    task: str | None = None,
    seeds: int | Sequence[int] = 3,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Run the main job and leave everything it made in a folder, in place of an earlier demo.

    Args:
        out: The folder: ``dataset/`` (of a shipped one), ``graph/``, ``runs/``, ``comparison.json``,
            ``results.csv``, ``report.html``.
        dataset: A dataset's name or folder; without one, the shipped ``glyphs`` is made.
        task: The task; by default the dataset's first one.
        seeds: How many seeds, counted from 0, or the seeds themselves.
        overrides: Config overrides for all models, on top of ``BUDGET``.
        progress: Where to say what is going on.

    Raises:
        MMGraphError: If the folder is not a demo's, or any step cannot be done.
    """
    progress = progress or Progress(quiet=True)
    with atomic_folder(out, marker=MARKER, overwrite=True) as new:
        if dataset is None:
            progress.say(f"1/3 Preparing the dataset {DATASET}")
            dataset = prepare_dataset(DATASET, out=new / "dataset", progress=progress)
        loaded = load_dataset(dataset, progress=progress)
        chosen = _task(loaded, task)
        progress.say("2/3 Building the graph")
        graph = build_graph(loaded, progress=progress)
        graph.save(new / "graph")
        request = Request(MODELS, seeds, [*BUDGET, *overrides], controls="none")
        plan = plan_comparison(new / "graph", chosen, request)
        progress.say(f"3/3 Comparing {len(MODELS)} models on the task {chosen}")
        comparison = run_and_write(plan, new, progress)
        description = {"dataset": loaded.spec.name, "task": chosen, "models": list(MODELS)}
        (new / MARKER).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return replace(comparison, folder=out)


def _task(dataset: Dataset, task: str | None) -> str:
    """Return the task asked for, or the first one."""
    tasks = list(dataset.spec.tasks)
    if not tasks:
        raise ConfigError("has no task", where=f"dataset {dataset.spec.name}", fix="Add one to dataset.yaml.")
    if task is not None and task not in tasks:
        raise ConfigError(f"the dataset has no task {task!r}", where="--task", fix=did_you_mean(task, tasks))
    return task or tasks[0]
