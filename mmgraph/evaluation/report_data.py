"""The report's data: counts, missing modalities, relations with their homophily, some entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmgraph.data.label_sets import read_label_set
from mmgraph.data.references import MULTI_LABEL
from mmgraph.data.task_spec import LinkTaskSpec, MultiTaskSpec
from mmgraph.evaluation.histograms import Histogram, degree_histogram
from mmgraph.evaluation.samples import Sample, show_entities, spread_over
from mmgraph.graph.graph import Graph
from mmgraph.graph.statistics import summarise
from mmgraph.graph.without_links import link_type
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.task import Task

_SHOWN_ENTITIES = 12


@dataclass(frozen=True)
class Fact:
    """A number and what it counts."""

    value: str
    label: str


@dataclass(frozen=True)
class ModalityRow:
    """One modality, as text."""

    name: str
    kind: str
    nodes: str
    missing: str
    channels: str


@dataclass(frozen=True)
class RelationRow:
    """One relation, as text.

    Args:
        ends: Source and target, where they are not both the task's entities.
        homophily: The share of equal answers; for several labels their overlap, for a regression the
            correlation.
    """

    name: str
    ends: str
    kind: str
    edges: str
    degree: str
    homophily: str


@dataclass(frozen=True)
class Data:
    """What the section of data shows."""

    facts: tuple[Fact, ...]
    modalities: tuple[ModalityRow, ...]
    relations: tuple[RelationRow, ...]
    homophily_caption: str
    degrees: tuple[Histogram, ...]
    samples: tuple[Sample, ...]


def data_section(graph: Graph, task: str) -> Data:
    """Return what a graph holds and what some of its training entities look like.

    Args:
        graph: The graph as the task sees it.
        task: The name of the task; of several tasks the first one's answers are shown.
    """
    summary, spec, answer = summarise(graph), graph.task(task), "an answer"
    if isinstance(spec, MultiTaskSpec):
        task = spec.tasks[0]
        spec, answer = graph.task(task), f"an answer to {task}"
    assert not isinstance(spec, MultiTaskSpec)
    if isinstance(spec, LinkTaskSpec):
        entity = link_type(graph, spec.relation, where=f"tasks.{task}").source
        facts, caption, samples = _link_facts(summary, spec.relation), "", []
    else:
        entity = spec.entity
        # A task that the graph need not be told of has no columns in its tables.
        labels = Task.from_graph(graph, task).labels
        facts = _entity_facts(labels, answer)
        caption = _homophily_caption(summary["relations"], task)
        samples = _samples(graph, labels)
    relations = {name: r for name, r in summary["relations"].items() if r["kind"] != "of"}
    return Data(
        facts=tuple(facts),
        modalities=tuple(
            ModalityRow(
                name, node["kind"], f"{node['count']:,}", f"{node['missing']:.1%}", f"{node['channels']:,}"
            )
            for name, node in summary["nodes"].items()
            if "missing" in node
        ),
        relations=tuple(_relation_row(name, r, task, entity) for name, r in relations.items()),
        homophily_caption=caption,
        degrees=tuple(degree_histogram(name, r) for name, r in relations.items()),
        samples=tuple(samples),
    )


def _entity_facts(labels: Labels, answer: str) -> list[Fact]:
    return [
        Fact(f"{len(labels):,}", f"entities ({labels.entity})"),
        Fact(f"{int(labels.values.notna().sum()):,}", f"with {answer}"),
        *(Fact(f"{len(labels.rows(part)):,}", part) for part in SPLITS),
    ]


def _link_facts(summary: Mapping[str, Any], relation: str) -> list[Fact]:
    """Return how many entities and links there are; held-out links of both directions count once."""
    found = summary["relations"][relation]
    ends = dict.fromkeys((found["source"], found["target"]))
    return [
        *(Fact(f"{summary['nodes'][end]['count']:,}", f"entities ({end})") for end in ends),
        Fact(f"{found['edges']:,}", f"edges of {relation} in training"),
        *(Fact(f"{count:,}", f"held out for {part}") for part, count in found["held_out"].items()),
    ]


def _relation_row(name: str, relation: Mapping[str, Any], task: str, entity: str) -> RelationRow:
    found = relation["homophily"].get(task, {})
    value = next((found[key] for key in ("same_label", "overlap", "correlation") if key in found), None)
    ends = {relation["source"], relation["target"]}
    return RelationRow(
        name=name,
        ends="" if ends == {entity} else f"{relation['source']} – {relation['target']}",
        kind=relation["kind"],
        edges=f"{relation['edges']:,}",
        degree=f"{relation['target_degree']['mean']:.1f}",
        homophily="" if value is None else f"{value:.2f}",
    )


def _homophily_caption(relations: Mapping[str, Mapping[str, Any]], task: str) -> str:
    found = [r["homophily"][task] for r in relations.values() if task in r["homophily"]]
    if any("correlation" in measured for measured in found):
        return "Homophily: the correlation of the answers at both ends, over edges among training entities."
    chance = next((m["by_chance"] for m in found if m.get("by_chance") is not None), None)
    by_chance = "" if chance is None else f"; by chance it would be {chance:.2f}"
    if any("overlap" in measured for measured in found):
        return (
            "Homophily: of the labels that either end of an edge among training entities has, the share that "
            f"both have{by_chance}."
        )
    return f"Homophily: the share of edges among training entities that join equal answers{by_chance}."


def _samples(graph: Graph, labels: Labels) -> list[Sample]:
    targets, rows = labels.values, labels.rows("train")
    if labels.kind == "regression":
        # Spread over the range of the answers instead of over classes.
        order = rows[np.argsort(targets.to_numpy(dtype=float)[rows], kind="stable")]
        picked = np.unique(np.linspace(0, len(order) - 1, _SHOWN_ENTITIES).round().astype(int))
        chosen = [int(row) for row in order[picked]]
    else:
        chosen = spread_over(targets.iloc[rows].astype(str).tolist(), rows, _SHOWN_ENTITIES)
    shown: list[Any] = targets.iloc[chosen].tolist()
    if labels.kind == MULTI_LABEL:
        shown = [read_label_set(text) for text in shown]
    return show_entities(graph, labels.entity, chosen, targets=shown)
