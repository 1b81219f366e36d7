"""The report page of a comparison: one HTML file with all of its pictures, without scripts and network."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mmgraph.data.task_spec import LinkTaskSpec
from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.plan import SUBJECT
from mmgraph.evaluation.report_contrasts import contrasts_section
from mmgraph.evaluation.report_data import data_section
from mmgraph.evaluation.report_errors import errors_section
from mmgraph.evaluation.report_results import curves_section, results_section
from mmgraph.evaluation.verdict import judge
from mmgraph.graph.graph import Graph
from mmgraph.graph.without_links import link_type
from mmgraph.tasks.task_links import read_links
from mmgraph.training.environment import describe_environment
from mmgraph.yaml_text import dump_yaml

_ANSWERS = {"yes": "Yes", "partly": "Partly", "no": "No", "open": "Open"}


@dataclass(frozen=True)
class Repeat:
    """How to make the comparison again.

    Args:
        commands: Lines for a shell.
        facts: Pairs of name and value: versions, fingerprints.
        configs: Pairs of entry and its resolved config as YAML.
    """

    commands: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    configs: tuple[tuple[str, str], ...]


def render_report(comparison: Comparison, graph: Graph) -> str:
    """Return the report page as HTML; all text from the dataset is escaped.

    Args:
        comparison: The comparison, with at least one result.
        graph: The graph that it was made on.
    """
    view = graph.view(comparison.task)
    errors = errors_section(comparison, view)
    curves = curves_section(comparison)
    verdict = judge(comparison)
    sections = [
        ("answer", "Answer"),
        ("results", "Results"),
        ("data", "Data"),
        *([("curves", "Learning curves")] if curves else []),
        *([("errors", "Errors")] if errors else []),
        ("repeat", "Repeat"),
    ]
    # Autoescape for every template: by name, only those that end in .html would be escaped.
    environment = Environment(
        loader=PackageLoader("mmgraph.evaluation"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2").render(
        title=f"{comparison.task.replace('_', ' ').capitalize()} in {comparison.graph}",
        graph=comparison.graph,
        task=comparison.task,
        description=comparison.spec.description,
        sections=sections,
        verdict=verdict,
        answer_word=_ANSWERS[verdict.answer],
        failures=[str(failure) for failure in comparison.failures],
        results=results_section(comparison, num_tested=_num_tested(comparison, view)),
        contrasts=contrasts_section(comparison),
        data=data_section(view, comparison.task),
        curves=curves,
        errors=errors,
        repeat=_repeat(comparison, graph),
    )


def _num_tested(comparison: Comparison, view: Graph) -> int:
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


def _repeat(comparison: Comparison, graph: Graph) -> Repeat:
    configs = {trial.entry: trial.config for trial in reversed(comparison.trials)}
    environment = describe_environment()
    return Repeat(
        commands=(
            _build_command(graph),
            _compare_command(comparison),
        ),
        facts=(
            ("graph", f"{comparison.graph}, fingerprint {comparison.fingerprint}"),
            (
                "built from",
                "what its manifest.json holds: dataset.yaml with all overrides, relations, encoders",
            ),
            ("relations", ", ".join(graph.schema.relations) or "none"),
            ("splits", ", ".join(str(draw) for draw in comparison.draws)),
            ("seeds", ", ".join(str(seed) for seed in comparison.seeds)),
            ("versions", ", ".join(f"{name} {value}" for name, value in environment.items())),
        ),
        configs=tuple(
            (entry.name, dump_yaml(configs[entry.name]))
            for entry in comparison.entries
            if entry.name in configs
        ),
    )


def _build_command(graph: Graph) -> str:
    """Return the line that builds such a graph where dataset.yaml has all that it takes."""
    line = ["mmgraph", "build-graph", graph.name]
    # Without any relation only the edges between an entity and its modalities are left, named "of".
    for name in graph.schema.relations or ["of"]:
        line += ["--relation", name]
    return shlex.join([*line, "--out", "graph"])


def _compare_command(comparison: Comparison) -> str:
    """Return the line for a shell that makes the comparison; only Python takes seeds of one's own."""
    models = [entry.name for entry in comparison.entries]
    if comparison.seeds != tuple(range(len(comparison.seeds))):
        arguments: dict[str, Any] = {
            "task": comparison.task,
            "models": models,
            "seeds": list(comparison.seeds),
            "overrides": list(comparison.overrides),
            "out": "comparison",
        }
        if len(comparison.draws) > 1:
            arguments |= {"splits": len(comparison.draws), "dataset": comparison.graph}
        if comparison.searched:
            arguments["trials"] = comparison.searched
        if comparison.subject is not None:
            arguments["subject"] = comparison.subject
        return shlex.join(["python", "-c", f"import mmgraph as mg; mg.compare('graph', **{arguments!r})"])
    line = ["mmgraph", "compare", "graph", "--task", comparison.task, "--models", ",".join(models)]
    for assignment in comparison.overrides:
        line += ["--set", assignment]
    line += ["--seeds", str(len(comparison.seeds))]
    if len(comparison.draws) > 1:
        line += ["--splits", str(len(comparison.draws)), "--dataset", comparison.graph]
    if comparison.searched:
        line += ["--trials", str(comparison.searched)]
    if comparison.subject not in (None, SUBJECT):
        line += ["--subject", str(comparison.subject)]
    return shlex.join([*line, "--out", "comparison"])
