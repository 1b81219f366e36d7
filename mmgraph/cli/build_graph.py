"""``mmgraph build-graph``: features and tables to a graph folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    DatasetArgument,
    JsonOption,
    OverwriteOption,
    PluginOption,
    QuietOption,
    SetOption,
    begin,
)
from mmgraph.cli.output import write_json, write_line

EXAMPLES = (
    "mmgraph build-graph glyphs --out glyphs-graph",
    "mmgraph build-graph glyphs-dataset --relation case_pair --out small --json",
)


def build_graph(
    dataset: DatasetArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="GRAPH", help="The graph folder; by default graphs/ and the name."),
    ] = None,
    relation: Annotated[
        list[str] | None,
        typer.Option(
            "--relation", metavar="NAME", help="Build only this relation of dataset.yaml; may be given again."
        ),
    ] = None,
    assignments: SetOption = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Turn a dataset into a graph: encode its modalities and build its relations."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.atomic import require_place
    from mmgraph.graph.layout import MANIFEST

    loaded = mg.load_dataset(dataset, overrides=assignments or (), progress=progress)
    folder = out or Path("graphs") / loaded.spec.name
    require_place(folder, marker=MANIFEST, overwrite=overwrite)
    graph = mg.build_graph(loaded, relations=relation, progress=progress)
    graph.save(folder, overwrite=overwrite)
    nodes = sum(node_type.num_nodes for node_type in graph.schema.node_types)
    edges = sum(edge_type.num_edges for edge_type in graph.schema.edge_types)
    if json:
        write_json(
            {
                "graph": str(folder),
                "fingerprint": graph.fingerprint(),
                "nodes": {t.name: t.num_nodes for t in graph.schema.node_types},
                "edges": {"--".join(t.triple): t.num_edges for t in graph.schema.edge_types},
                "tasks": sorted(graph.tasks),
            }
        )
    else:
        write_line(f"The graph is in {folder}: {nodes:,} nodes, {edges:,} edges")
