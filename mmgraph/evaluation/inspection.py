"""The page of ``mmgraph inspect``: one HTML file with all of its plots, without scripts and network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mmgraph.evaluation.histograms import degree_histogram
from mmgraph.graph.graph import Graph
from mmgraph.graph.statistics import summarise
from mmgraph.graph.training_memory import estimate_memory

_WIDTHS = (32, 64, 128, 256, 512)
_LAYERS = (1, 2, 3, 4)
_SHOWN_COMBINATIONS = 16


@dataclass(frozen=True)
class Fact:
    """A number and what it counts."""

    value: str
    label: str


@dataclass(frozen=True)
class Cell:
    """A number in a table, and how far its bar goes, from -1 to 1; nothing where there is none."""

    text: str
    length: float | None = None


@dataclass(frozen=True)
class LabelTable:
    """What the relations tell about the labels of one task."""

    task: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]
    caption: str


@dataclass(frozen=True)
class Combinations:
    """Which modalities the entities of one type have together.

    Args:
        rows: For each combination whether each modality is there, the share of entities, and the number.
        others: How many rarer combinations are not shown.
    """

    entity: str
    modalities: tuple[str, ...]
    rows: tuple[tuple[tuple[bool, ...], float, str], ...]
    others: int


def inspection_page(graph: Graph, *, summary: Mapping[str, Any] | None = None) -> str:
    """Return what ``mmgraph inspect`` tells about a graph as an HTML page; all text from it is escaped.

    Args:
        graph: The graph.
        summary: What :func:`mmgraph.summarise` returned for it, where that is known already.
    """
    summary = summarise(graph) if summary is None else summary
    relations = summary["relations"]
    labels = [table for name in summary["tasks"] if (table := _labels(relations, name)).rows]
    combinations = [
        _combinations(summary["nodes"], entity, found)
        for entity, found in summary["combinations"].items()
        if found
    ]
    sections = [
        ("nodes", "Nodes"),
        ("relations", "Relations"),
        *([("degrees", "Degrees")] if any(one["kind"] != "of" for one in relations.values()) else []),
        *([("labels", "Labels")] if labels else []),
        ("memory", "Memory"),
    ]
    # Autoescape for every template: by name, only those that end in .html would be escaped.
    environment = Environment(
        loader=PackageLoader("mmgraph.evaluation"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("inspection.html.j2").render(
        summary=summary,
        sections=sections,
        facts=_facts(summary),
        combinations=combinations,
        degrees=[degree_histogram(name, one) for name, one in relations.items() if one["kind"] != "of"],
        labels=labels,
        widths=_WIDTHS,
        memory=_memory(graph),
        warnings=[(name, text) for name, relation in relations.items() for text in relation["warnings"]],
    )


def _facts(summary: Mapping[str, Any]) -> list[Fact]:
    nodes = sum(node["count"] for node in summary["nodes"].values())
    edges = sum(relation["edges"] for relation in summary["relations"].values())
    whole = summary["components"]["whole"]
    own = summary["components"]["relations"]
    return [
        Fact(f"{nodes:,}", "nodes"),
        Fact(f"{edges:,}", "edges, without reverse ones"),
        Fact(f"{whole['components']:,}", "weakly connected components"),
        Fact(f"{_share(whole['largest'], whole['nodes']):.1%}", "of the nodes in the largest"),
        Fact(f"{own['isolated']:,}", "nodes that no relation reaches"),
    ]


def _combinations(nodes: Mapping[str, Any], entity: str, found: list[dict[str, Any]]) -> Combinations:
    names = tuple(name.partition("/")[2] for name in nodes if name.startswith(f"{entity}/"))
    count = nodes[entity]["count"]
    return Combinations(
        entity,
        names,
        tuple(
            (
                tuple(name in one["modalities"] for name in names),
                _share(one["count"], count),
                f"{one['count']:,}",
            )
            for one in found[:_SHOWN_COMBINATIONS]
        ),
        max(0, len(found) - _SHOWN_COMBINATIONS),
    )


def _labels(relations: Mapping[str, Any], task: str) -> LabelTable:
    found = {name: r["homophily"][task] for name, r in relations.items() if task in r["homophily"]}
    if any("correlation" in one for one in found.values()):
        keys = {"correlation": "correlation"}
        caption = "The correlation of the targets at both ends."
    elif any("overlap" in one for one in found.values()):
        keys = {"overlap": "overlap", "by_chance": "by chance"}
        caption = "Of the labels that either end has, the share that both have."
    else:
        keys = {
            "same_label": "same label",
            "by_chance": "by chance",
            "adjusted": "adjusted homophily",
            "informativeness": "label informativeness",
        }
        caption = (
            "Adjusted homophily is 0 by chance and 1 where both ends always have the same label. "
            "Informativeness is the share of the other end's label that one end tells, whether they are the "
            "same or not."
        )
    rows = tuple(
        (name, f"{one['edges']:,}", tuple(_cell(one[key]) for key in keys)) for name, one in found.items()
    )
    return LabelTable(task, tuple(keys.values()), rows, caption)


def _cell(value: float | None) -> Cell:
    if value is None:
        return Cell("")
    # -0.00 would be a number that nobody expects.
    return Cell(f"{value + 0.0:.2f}".replace("-0.00", "0.00"), max(-1.0, min(1.0, value)))


def _memory(graph: Graph) -> list[tuple[int, tuple[str, ...]]]:
    return [
        (
            layers,
            tuple(
                _bytes(estimate_memory(graph.schema, hidden_channels=width, num_layers=layers)["total"])
                for width in _WIDTHS
            ),
        )
        for layers in _LAYERS
    ]


def _bytes(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.0f} MiB"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
