"""The report page of a comparison: one HTML file with all of its pictures, without network."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmgraph.data.task_spec import LinkTaskSpec
from mmgraph.evaluation.comparison import Comparison, best
from mmgraph.evaluation.page_options import PageOptions
from mmgraph.evaluation.report_contrasts import contrasts_section
from mmgraph.evaluation.report_data import data_section
from mmgraph.evaluation.report_errors import errors_section
from mmgraph.evaluation.report_explanations import explanations_section
from mmgraph.evaluation.report_map import map_section
from mmgraph.evaluation.report_page import render_page
from mmgraph.evaluation.report_repeat import Repeat, build_command, graph_facts, version_fact
from mmgraph.evaluation.report_results import curves_section, results_section
from mmgraph.evaluation.report_retrieval import retrieval_section
from mmgraph.evaluation.report_robustness import robustness_section
from mmgraph.evaluation.report_slices import Slices
from mmgraph.evaluation.trials import run_folder
from mmgraph.evaluation.verdict import judge, subject_of
from mmgraph.graph.graph import Graph
from mmgraph.graph.without_links import link_type
from mmgraph.tasks.task_links import read_links
from mmgraph.training.run import Run
from mmgraph.training.run_folder import load_run
from mmgraph.yaml_text import dump_yaml

_FLAGS = {
    "groups": "--group",
    "table": "--table",
    "explain": "--explain",
    "show": "--show",
    "map_method": "--map",
}


def render_report(
    comparison: Comparison,
    graph: Graph,
    *,
    run: Run | None = None,
    slices: Slices | None = None,
    options: PageOptions | None = None,
) -> str:
    """Return the report page as HTML; all text from the dataset is escaped.

    Args:
        comparison: The comparison, with at least one result.
        graph: The graph that it was made on.
        run: One run, whose representations are drawn as a map, and what was tried of it.
        slices: How each entry fares with some of the test entities.
        options: What else is shown: whose answers by that run are explained, and how it is mapped.
    """
    options = options or PageOptions()
    view = graph.view(comparison.task)
    verdict = judge(comparison)
    found = {
        "results": results_section(comparison, num_tested=num_tested(comparison, view)),
        "contrasts": contrasts_section(comparison),
        "splits": None,
        "data": data_section(view, comparison.task),
        "curves": curves_section(comparison),
        "errors": errors_section(comparison, view),
        "retrieval": retrieval_section(comparison, view),
        "slices": slices,
        "robustness": None if run is None else robustness_section(run),
        "map": None if run is None else map_section(run, options.map_method),
        "explained": () if run is None else explanations_section(run, options.explain),
        "repeat": _repeat(comparison, graph, options.arguments()),
    }
    return render_page(
        {
            "kicker": "mmgraph comparison",
            "title": f"{comparison.task.replace('_', ' ').capitalize()} in {comparison.graph}",
            "graph": comparison.graph,
            "task": comparison.task,
            "description": comparison.spec.description,
            "sections": [("answer", "Answer"), *sections_of(found)],
            "verdict": verdict,
            "answer_word": verdict.word,
            "failures": [str(failure) for failure in comparison.failures],
            **found,
        }
    )


_SECTIONS = {
    "results": "Results",
    "splits": "Results",
    "data": "Data",
    "curves": "Learning curves",
    "errors": "Errors",
    "retrieval": "Retrieval",
    "slices": "Slices",
    "robustness": "Robustness",
    "map": "Map",
    "explained": "Explanations",
    "repeat": "Repeat",
}


def sections_of(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the anchors and names of the sections that a page has.

    Args:
        found: What each section shows; nothing where there is none.
    """
    return [(name, title) for name, title in _SECTIONS.items() if found[name]]


def shown_run(comparison: Comparison, folder: Path, graph: Graph, show: str | None = None) -> Run | None:
    """Return the run that is mapped and explained: the first one on the graph's own split.

    Args:
        comparison: The comparison.
        folder: Where its runs are.
        graph: The graph that it was made on.
        show: The model; by default the subject, or where that is a baseline the best model on validation.

    Returns:
        Nothing if no model has such a run.
    """
    first = {trial.entry: trial.seed for trial in reversed(comparison.trials) if trial.draw == 0}
    models = [e.name for e in comparison.entries if not e.is_baseline and e.name in first]
    chosen = show or subject_of(comparison)
    if chosen not in models:
        if show is not None or not models:
            return None
        chosen = best(comparison, comparison.headline, models, split="validation")
    entry = next(entry for entry in comparison.entries if entry.name == chosen)
    return load_run(run_folder(folder, entry, draw=0, seed=first[chosen]), graph=graph)


def num_tested(comparison: Comparison, view: Graph) -> int:
    """Return how many entities, or links, the metrics were measured on."""
    if isinstance(spec := comparison.spec, LinkTaskSpec):
        where = f"tasks.{comparison.task}"
        edge_type = link_type(view, spec.relation, where=where)
        links = read_links(view, edge_type, both=spec.direction == "both", where=where)
        return int((links.part == "test").sum())
    predictions = comparison.trials[0].predictions
    # Several tasks have a target each.
    targets = [name for name in predictions if name == "target" or str(name).endswith("/target")]
    labelled = predictions[targets].notna().any(axis=1)
    return int((labelled & (predictions["split"] == "test")).sum())


def _repeat(comparison: Comparison, graph: Graph, shown: Mapping[str, Any]) -> Repeat:
    configs = {trial.entry: trial.config for trial in reversed(comparison.trials)}
    return Repeat(
        commands=(build_command(graph), _compare_command(comparison, shown)),
        facts=(
            *graph_facts(graph, comparison.fingerprint),
            ("splits", ", ".join(str(draw) for draw in comparison.draws)),
            ("seeds", ", ".join(str(seed) for seed in comparison.seeds)),
            version_fact(),
        ),
        configs=tuple(
            (entry.name, dump_yaml(configs[entry.name]))
            for entry in comparison.entries
            if entry.name in configs
        ),
    )


def _compare_command(comparison: Comparison, shown: Mapping[str, Any]) -> str:
    """Return the line for a shell that makes the comparison; only Python takes seeds of one's own.

    Args:
        comparison: The comparison, all of whose entries are named, the controls as well.
        shown: What else the page shows, by the name of the argument.
    """
    models = [entry.name for entry in comparison.entries]
    if comparison.seeds != tuple(range(len(comparison.seeds))):
        arguments: dict[str, Any] = {
            "task": comparison.task,
            "models": models,
            "seeds": list(comparison.seeds),
            "controls": "none",
            "overrides": list(comparison.overrides),
            "out": "comparison",
        }
        if len(comparison.draws) > 1:
            arguments |= {"splits": len(comparison.draws), "dataset": comparison.graph}
        if comparison.searched:
            arguments["trials"] = comparison.searched
        if comparison.subject is not None:
            arguments["subject"] = comparison.subject
        arguments |= shown
        return shlex.join(["python", "-c", f"import mmgraph as mg; mg.compare('graph', **{arguments!r})"])
    line = ["mmgraph", "compare", "graph", "--task", comparison.task, "--models", ",".join(models)]
    line += ["--controls", "none"]
    for assignment in comparison.overrides:
        line += ["--set", assignment]
    line += ["--seeds", str(len(comparison.seeds))]
    if len(comparison.draws) > 1:
        line += ["--splits", str(len(comparison.draws)), "--dataset", comparison.graph]
    if comparison.searched:
        line += ["--trials", str(comparison.searched)]
    if comparison.subject is not None:
        line += ["--subject", comparison.subject]
    for name, value in shown.items():
        for one in value if isinstance(value, list) else [value]:
            line += [_FLAGS[name], one]
    return shlex.join([*line, "--out", "comparison"])
