"""``mmgraph inspect``: what a graph holds."""

from __future__ import annotations

from mmgraph.cli.options import GraphArgument, JsonOption, PluginOption, QuietOption

EXAMPLES = ("mmgraph inspect glyphs-graph", "mmgraph inspect glyphs-graph --json")


def inspect(
    graph: GraphArgument,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Show counts, degrees, missing modalities, homophily by relation, and the memory that training needs."""
