"""``mmgraph build-graph``: features and tables to a graph folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    DatasetArgument,
    EncodeDeviceOption,
    EncodePrecisionOption,
    EngineOption,
    JsonOption,
    OverwriteOption,
    PluginOption,
    QuietOption,
    SetOption,
    begin,
)
from mmgraph.cli.output import write_json, write_line
from mmgraph.counted import counted

EXAMPLES = (
    "mmgraph build-graph glyphs --out glyphs-graph",
    "mmgraph build-graph glyphs-dataset --relation case_pair --out small --json",
    "mmgraph build-graph glyphs --out glyphs-graph --overwrite --explain",
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
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Say of each modality and relation whether it was built anew, and why."
        ),
    ] = False,
    engine: EngineOption = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="How many relations to build at a time, or with --engine ray how many workers build each.",
        ),
    ] = 1,
    device: EncodeDeviceOption = None,
    precision: EncodePrecisionOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Turn a dataset into a graph: encode its modalities and build its relations.

    With --overwrite, relations of the earlier graph whose inputs have not changed are taken over.
    """
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.atomic import require_place
    from mmgraph.graph.layout import MANIFEST
    from mmgraph.graph.notes import BuildNotes

    loaded = mg.load_dataset(dataset, overrides=assignments or (), progress=progress)
    folder = out or Path("graphs") / loaded.spec.name
    require_place(folder, marker=MANIFEST, overwrite=overwrite)
    notes = BuildNotes()
    graph = mg.build_graph(
        loaded,
        relations=relation,
        progress=progress,
        out=folder,
        overwrite=overwrite,
        engine=engine or "local",
        workers=workers,
        device=device,
        precision=precision,
        notes=notes,
    )
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
                **({"explain": notes.to_json()} if explain else {}),
            }
        )
    else:
        for line in notes.lines() if explain else ():
            write_line(line)
        write_line(f"The graph is in {folder}: {counted(nodes, 'node')}, {counted(edges, 'edge')}")
