"""What it takes to make the same again: commands, fingerprints, versions."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from mmgraph.graph.graph import Graph
from mmgraph.training.environment import describe_environment


@dataclass(frozen=True)
class Repeat:
    """How to make what a page shows again.

    Args:
        commands: Lines for a shell.
        facts: Pairs of name and value: versions, fingerprints.
        configs: Pairs of entry and its resolved config as YAML.
    """

    commands: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    configs: tuple[tuple[str, str], ...]


def graph_facts(graph: Graph, fingerprint: str) -> tuple[tuple[str, str], ...]:
    """Return which graph it is and what it was made of.

    Args:
        graph: The graph.
        fingerprint: What it had when the work was done.
    """
    return (
        ("graph", f"{graph.name}, fingerprint {fingerprint}"),
        (
            "built from",
            "what its manifest.json holds: dataset.yaml with all overrides, relations, encoders",
        ),
        ("relations", ", ".join(graph.schema.relations) or "none"),
    )


def version_fact() -> tuple[str, str]:
    """Return the versions of what computes."""
    return "versions", ", ".join(f"{name} {value}" for name, value in describe_environment().items())


def build_command(graph: Graph) -> str:
    """Return the line that builds such a graph where dataset.yaml has all that it takes."""
    line = ["mmgraph", "build-graph", graph.name]
    # Without any relation only the edges between an entity and its modalities are left, named "of".
    for name in graph.schema.relations or ["of"]:
        line += ["--relation", name]
    return shlex.join([*line, "--out", "graph"])
