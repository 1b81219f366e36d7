"""Where things are in a graph folder.

::

    manifest.json                                   what the graph is, and the size and hash of every file
    nodes/<type>.parquet                            one table for each node type
    features/<entity>/<modality>.npy                float32 [M, D]
    edges/<source>--<name>--<target>/indptr.npy     compressed by target; reverse relations are not stored
    edges/<source>--<name>--<target>/indices.npy
    edges/<source>--<name>--<target>/weight.npy     only where the relation has weights
    encoders/<entity>/<modality>/                   the fitted encoder

In names of node types a dot stands for the slash. Nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Iterator

from mmgraph.graph.schema import GraphSchema, Triple

FORMAT = 1
"""The version of the format; a folder of another one is refused."""

MANIFEST = "manifest.json"


def table_path(node_type: str) -> str:
    """Return the path of the table of a node type."""
    return f"nodes/{_plain(node_type)}.parquet"


def features_path(node_type: str) -> str:
    """Return the path of the features of a modality node type."""
    return f"features/{node_type}.npy"


def encoder_path(node_type: str) -> str:
    """Return the path of the folder of a modality's encoder."""
    return f"encoders/{node_type}"


def edges_path(triple: Triple) -> str:
    """Return the path of the folder of an edge type.

    Example:
        >>> edges_path(("glyph/sans", "of", "glyph"))
        'edges/glyph.sans--of--glyph'
    """
    source, name, target = triple
    return f"edges/{_plain(source)}--{name}--{_plain(target)}"


def required_files(schema: GraphSchema) -> Iterator[str]:
    """Yield the files that a folder with this schema must have, without those of encoders."""
    for node_type in schema.node_types:
        yield table_path(node_type.name)
        if node_type.modality is not None:
            yield features_path(node_type.name)
    for edge_type in schema.edge_types:
        if edge_type.reverse_of is None:
            folder = edges_path(edge_type.triple)
            yield f"{folder}/indptr.npy"
            yield f"{folder}/indices.npy"
            if edge_type.weighted:
                yield f"{folder}/weight.npy"


def _plain(node_type: str) -> str:
    return node_type.replace("/", ".")
