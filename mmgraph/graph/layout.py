"""Where things are in a graph folder.

::

    manifest.json                                   what the graph is, and the size and hash of every file
    nodes/<type>.parquet                            one table for each node type
    features/<entity>/<modality>.npy                float32 or float16 [M, D]
    inputs/<entity>/<modality>.npy                  what a trainable encoder reads: token ids, int32 [M, L],
                                                    or pixels, uint8 [M, 3, height, width]
    edges/<source>--<name>--<target>/indptr.npy     compressed by target
    edges/<source>--<name>--<target>/indices.npy
    edges/<source>--<name>--<target>/by_source_indptr.npy, by_source_indices.npy
                                                    the same by source, which is the reverse relation, if
                                                    there is one; and by_source_position.npy, the place of
                                                    each by target, where edges carry something
    edges/<source>--<name>--<target>/weight.npy     only where the relation has weights; attr.npy and time.npy
                                                    where it has edge features and times
    held_out/<relation>/source.npy                  edges that a split holds out; target.npy, part.npy and
                                                    what they carry beside it
    relations/<name>/fitted/<key>.npy               what the relation learnt
    relations/<name>/encoders/<entity>/<modality>/  an encoder that serves the relation alone
    encoders/<entity>/<modality>/                   the fitted encoder

In names of node types a dot stands for the slash. Nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Iterator

from mmgraph.graph.schema import EdgeType, GraphSchema, Triple

FORMAT = 2
"""The version of the format; a folder of another one is refused."""

MANIFEST = "manifest.json"


def table_path(node_type: str) -> str:
    """Return the path of the table of a node type."""
    return f"nodes/{_plain(node_type)}.parquet"


def features_path(node_type: str) -> str:
    """Return the path of the features of a modality node type."""
    return f"features/{node_type}.npy"


def inputs_path(node_type: str) -> str:
    """Return the path of what the encoder of a modality node type reads, where that is kept."""
    return f"inputs/{node_type}.npy"


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


def carried(edge_type: EdgeType) -> list[str]:
    """Return what the edges carry: some of ``weight``, ``attr`` and ``time``."""
    there = {"weight": edge_type.weighted, "attr": bool(edge_type.attr_names), "time": edge_type.timed}
    return [name for name, holds in there.items() if holds]


def turned(edge_type: EdgeType) -> list[str]:
    """Return the parts of the edges by source that are stored: where a reverse relation reads them."""
    if edge_type.symmetric or edge_type.one_way:
        return []
    return ["indptr", "indices", *(["position"] if carried(edge_type) else [])]


def held_out_path(relation: str) -> str:
    """Return the path of the folder of the edges that are held out of a relation."""
    return f"held_out/{relation}"


def held_out_files(edge_type: EdgeType) -> list[str]:
    """Return the names, without ``.npy``, of what is kept of the edges that are held out of a relation."""
    return ["source", "target", "part", *carried(edge_type)] if edge_type.held_out else []


def fitted_path(relation: str) -> str:
    """Return the path of the folder that holds what a relation learnt."""
    return f"relations/{relation}/fitted"


def relation_encoder_path(relation: str, node_type: str) -> str:
    """Return the path of the folder of an encoder that serves a relation alone."""
    return f"relations/{relation}/encoders/{node_type}"


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
            yield from (f"{folder}/{name}.npy" for name in carried(edge_type))
            aside = held_out_path(edge_type.name)
            yield from (f"{aside}/{name}.npy" for name in held_out_files(edge_type))


def _plain(node_type: str) -> str:
    return node_type.replace("/", ".")
