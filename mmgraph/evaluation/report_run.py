"""The report of one run: its page, and the same as tables, figures and JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mmgraph.atomic import atomic_folder, require_place
from mmgraph.data.task_spec import PretrainingTaskSpec
from mmgraph.errors import ConfigError
from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.contrasts import over_entities
from mmgraph.evaluation.entries import Entry
from mmgraph.evaluation.metric_groups import spoken
from mmgraph.evaluation.paper import write_paper
from mmgraph.evaluation.report import num_tested, sections_of
from mmgraph.evaluation.report_data import data_section
from mmgraph.evaluation.report_errors import errors_section
from mmgraph.evaluation.report_explanations import explanations_section
from mmgraph.evaluation.report_map import MapMethod, check_map, map_section
from mmgraph.evaluation.report_page import render_page
from mmgraph.evaluation.report_repeat import Repeat, build_command, graph_facts, version_fact
from mmgraph.evaluation.report_results import curves_section
from mmgraph.evaluation.report_retrieval import retrieval_section
from mmgraph.evaluation.report_robustness import robustness_section
from mmgraph.evaluation.report_slices import Slices, Slicing
from mmgraph.evaluation.trials import trial_of_run
from mmgraph.readable import interval_text, readable
from mmgraph.training.run import Run
from mmgraph.yaml_text import dump_yaml

MARKER = "report.json"
PAGE = "report.html"


@dataclass(frozen=True)
class SplitRow:
    """One metric on each part of the split, as text, and its interval on test."""

    metric: str
    cells: tuple[str, ...]
    interval: str


@dataclass(frozen=True)
class SplitTable:
    """What the table of a run's metrics shows."""

    caption: str
    splits: tuple[str, ...]
    rows: tuple[SplitRow, ...]


def report(
    run: Run,
    out: str | Path,
    *,
    groups: Sequence[str] = (),
    table: str | Path | pd.DataFrame | None = None,
    robustness: str | Path | None = None,
    explain: Sequence[str] = (),
    map_method: MapMethod = "tsne",
    overwrite: bool = False,
) -> Path:
    """Write all that is to be seen of a run into a folder: a page, and tables and figures for a paper.

    Args:
        run: The run.
        out: The folder: ``report.html``, ``report.json`` and ``paper/``.
        groups: Columns to make groups of the test entities by: targets, splits and titles that the graph
            keeps, or columns of ``table``.
        table: A table with further columns; rows are found by their ids.
        robustness: The folder that ``mmgraph evaluate --robustness --out`` wrote of this run; by default
            ``robustness`` in the run's folder, if it is there.
        explain: Entities whose answers are explained.
        map_method: How the map comes into the plane: ``tsne``, or ``umap``, which needs umap-learn.
        overwrite: Replace an earlier report.

    Returns:
        The page.

    Raises:
        UserError: If the folder is there already and must not be replaced.
        ConfigError: If there is no such column, the task cannot be explained, or predicts nothing.
        DataError: If the table cannot be read.
        GraphError: If there is no such entity.
        MissingDependencyError: If the map needs a package that is not installed.
        RunError: If what was tried of a run is not of this one.

    Example:
        >>> report(mmgraph.load_run("run"), "report", groups=["script"])  # doctest: +SKIP
    """
    out = Path(out)
    require_place(out, marker=MARKER, overwrite=overwrite)
    check_map(map_method)
    task = run.task.labels.task
    if isinstance(run.graph.task(task), PretrainingTaskSpec):
        raise ConfigError(
            f"the task {task!r} is a pre-training, which has no answers to report",
            where="report",
            fix="Report a run of a task that predicts something, one that began with these weights perhaps.",
        )
    single = as_comparison(run)
    slices = Slicing(tuple(groups), table).slices(single, run.graph.view(single.task))
    page = run_page(run, single, slices=slices, robustness=robustness, explain=explain, map_method=map_method)
    with atomic_folder(out, marker=MARKER, overwrite=overwrite) as new:
        content = json.dumps(_document(run, single), indent=2, ensure_ascii=False)
        (new / MARKER).write_text(content + "\n", encoding="utf-8")
        (new / PAGE).write_text(page, encoding="utf-8")
        write_paper(single, new / "paper", slices=slices)
    return out / PAGE


def run_page(
    run: Run,
    single: Comparison,
    *,
    slices: Slices | None,
    robustness: str | Path | None = None,
    explain: Sequence[str] = (),
    map_method: MapMethod = "tsne",
) -> str:
    """Return the page of a run as HTML; all text from the dataset is escaped.

    Args:
        run: The run.
        single: The same as a comparison of one.
        slices: How it fares with some of the test entities.
        robustness, explain, map_method: See :func:`report`.
    """
    view = run.graph.view(single.task)
    found = {
        "results": None,
        "contrasts": None,
        "splits": _splits(single, num_tested(single, view)),
        "data": data_section(view, single.task),
        "curves": curves_section(single),
        "errors": errors_section(single, view),
        "retrieval": retrieval_section(single, view),
        "slices": slices,
        "robustness": robustness_section(run, robustness),
        "map": map_section(run, map_method),
        "explained": explanations_section(run, explain),
        "repeat": _repeat(run),
    }
    model = run.config.model.name
    return render_page(
        {
            "kicker": "mmgraph report",
            "title": f"{single.task.replace('_', ' ').capitalize()} in {single.graph}, by {model}",
            "graph": single.graph,
            "task": single.task,
            "description": single.spec.description,
            "sections": sections_of(found),
            "verdict": None,
            "answer_word": "",
            "failures": [],
            **found,
        }
    )


def as_comparison(run: Run) -> Comparison:
    """Return a run as a comparison of one entry, which the sections of a page are made of."""
    name = run.config.model.name
    task = run.task.labels.task
    return Comparison(
        graph=run.graph.name,
        fingerprint=run.graph.fingerprint(),
        task=task,
        spec=run.graph.task(task),
        monitor=run.task.monitor,
        entries=(Entry(name, name),),
        overrides=(),
        seeds=(run.config.seed,),
        trials=(trial_of_run(run, name),),
    )


def _splits(single: Comparison, tested: int) -> SplitTable:
    (trial,) = single.trials
    splits = tuple(trial.metrics)
    rows = []
    for metric in single.metrics:
        reach = over_entities(trial, metric)
        rows.append(
            SplitRow(
                spoken(metric),
                tuple(_cell(trial.metrics[split].get(metric)) for split in splits),
                "" if reach is None else interval_text(reach.low, reach.high),
            )
        )
    return SplitTable(
        f"One training with {trial.parameters:,} weights, seed {trial.seed}, measured on {tested:,} test "
        f"{single.tested}. Intervals say how far as many other test entities would move a metric that is a "
        "mean over them; what another seed or another split would do, mmgraph compare tells.",
        splits,
        tuple(rows),
    )


def _cell(value: float | None) -> str:
    # Some metrics are of a kind of rows that not every part has, such as pairs with hard wrong answers.
    return "" if value is None else readable(value)


def _repeat(run: Run) -> Repeat:
    task = run.task.labels.task
    line = ["mmgraph", "train", "graph", "--task", task, "--config", "config.yaml", "--out", "run"]
    described = run.describe()
    facts = [
        *graph_facts(run.graph, run.graph.fingerprint()),
        ("seed", str(run.config.seed)),
        ("epochs", f"{described['epochs']}, the best one {described['best_epoch']}"),
        *[("note", note) for note in described["notes"]],
        version_fact(),
    ]
    config = dump_yaml(run.config.model_dump(mode="json"))
    return Repeat((build_command(run.graph), shlex.join(line)), tuple(facts), (("config.yaml", config),))


def _document(run: Run, single: Comparison) -> dict[str, Any]:
    return {
        "graph": {"name": single.graph, "fingerprint": single.fingerprint},
        **run.describe(),
        "metrics": single.trials[0].metrics,
    }
