"""What a graph consists of: node types with their widths, and edge types as triples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from mmgraph.config_faults import faults_of
from mmgraph.data.modality_spec import Storage
from mmgraph.errors import Faults, GraphError, did_you_mean

Triple = tuple[str, str, str]
"""Source node type, relation name, target node type: PyG's edge type."""

NodeTypeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)?$")]
RelationName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Count = Annotated[int, Field(ge=0)]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class NodeType:
    """Nodes of one kind: an entity type, or one modality of it.

    Args:
        name: ``glyph`` for the entity nodes, ``glyph/sans`` for those of a modality.
        num_nodes: How many there are.
        channels: The width of their features; 0 for entity nodes, which have none.
        entity: The entity type.
        modality: The modality, or nothing for entity nodes.
        kind: The modality's kind, such as text or image.
        storage: What a folder keeps the features as; in memory they are float32.
        made_from: The node types of the modalities that a pair consists of. A task that must not see one of
            them must not see the pair either.
    """

    name: NodeTypeName
    num_nodes: Count
    channels: Count
    entity: RelationName
    modality: RelationName | None = None
    kind: str | None = None
    storage: Storage = "float32"
    made_from: tuple[str, ...] = ()


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class EdgeType:
    """Edges of one kind.

    Args:
        source: The node type that messages come from.
        name: The relation's name; that of a reverse relation begins with ``rev_``.
        target: The node type that messages go to.
        num_edges: How many there are.
        kind: ``of`` from a modality to its entity, ``given`` in a table, or ``derived`` from other data.
        reverse_of: The relation that this one is the reverse of.
        weighted: Whether every edge has a weight.
        symmetric: Whether every edge is stored in both directions, so that there is no reverse relation.
        made_from: The modality node types whose content went into the edges. A task that must not see one of
            them must not see these edges either.
        made_of: The relations whose edges went into these, and those whose edges went into them. A task that
            must not see one of them must not see these edges either.
        attr_names: The names of the edge features; none for edges that have none.
        attr_scale: The mean and the standard deviation of each edge feature, by which models standardise
            them; none for features that are taken as they are.
        timed: Whether every edge has a time.
        one_way: Whether there is no reverse relation, because held-out entities may not send, nothing may run
            backwards in time, or both directions are among the edges.
        held_out: How many edges a split of edges holds out of the graph; they do not count as its edges.
    """

    source: NodeTypeName
    name: RelationName
    target: NodeTypeName
    num_edges: Count
    kind: Literal["of", "given", "derived"] = "given"
    reverse_of: str | None = None
    weighted: bool = False
    symmetric: bool = False
    made_from: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    attr_names: tuple[str, ...] = ()
    attr_scale: tuple[tuple[float, float], ...] = ()
    timed: bool = False
    one_way: bool = False
    held_out: Count = 0

    @property
    def triple(self) -> Triple:
        """Source, name, target."""
        return (self.source, self.name, self.target)

    @property
    def relation(self) -> str:
        """The relation that the edges belong to: of a reverse relation, the one that it reverses."""
        return self.reverse_of or self.name


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class GraphSchema:
    """The node types and edge types of a graph.

    Args:
        node_types: Every entity type, each followed by its modalities.
        edge_types: Every relation, each followed by its reverse.

    Raises:
        GraphError: If a name stands twice, or an edge type names a node type that is not there.

    Example:
        >>> schema = GraphSchema(
        ...     (NodeType("glyph", 3, 0, "glyph"), NodeType("glyph/sans", 2, 64, "glyph", "sans", "image")),
        ...     (EdgeType("glyph/sans", "of", "glyph", 2, "of"),),
        ... )
        >>> schema.metadata
        (['glyph', 'glyph/sans'], [('glyph/sans', 'of', 'glyph')])
        >>> schema.channels
        {'glyph': 0, 'glyph/sans': 64}
    """

    node_types: tuple[NodeType, ...]
    edge_types: tuple[EdgeType, ...]

    def __post_init__(self) -> None:
        faults = Faults()
        names, triples = self.metadata
        for kind, known in (("node type", names), ("edge type", [" -> ".join(t) for t in triples])):
            for name, times in Counter(known).items():
                if times > 1:
                    faults.add("graph schema", f"the {kind} {name} stands {times} times", "Rename one.")
        for triple in triples:
            for end in {triple[0], triple[2]} - set(names):
                faults.add(
                    "graph schema",
                    f"the edge type {' -> '.join(triple)} names {end!r}, which is no node type",
                    did_you_mean(end, names),
                )
        faults.raise_if_any(GraphError)

    @property
    def metadata(self) -> tuple[list[str], list[Triple]]:
        """PyG's metadata: the names of the node types, and the triples of the edge types."""
        return [t.name for t in self.node_types], [t.triple for t in self.edge_types]

    @property
    def channels(self) -> dict[str, int]:
        """The width of the features by node type; 0 where there are none."""
        return {t.name: t.channels for t in self.node_types}

    @property
    def weighted(self) -> list[Triple]:
        """The edge types whose edges have weights."""
        return [t.triple for t in self.edge_types if t.weighted]

    @property
    def edge_channels(self) -> dict[Triple, int]:
        """The width of the edge features by edge type that has any."""
        return {t.triple: len(t.attr_names) for t in self.edge_types if t.attr_names}

    @property
    def held_out(self) -> list[str]:
        """The names of the relations of which a split holds edges out."""
        return [t.name for t in self.edge_types if t.held_out and t.reverse_of is None]

    @property
    def relations(self) -> list[str]:
        """The names of the relations, without ``of`` and without reverse ones."""
        return [t.name for t in self.edge_types if t.kind != "of" and t.reverse_of is None]

    def holders(self, names: Iterable[str]) -> set[str]:
        """Return the node types that hold what modalities hold: these, and the pairs that they are in.

        Args:
            names: Modality node types.
        """
        hidden = set(names)
        return hidden | {t.name for t in self.node_types if hidden & set(t.made_from)}

    def node_type(self, name: str) -> NodeType:
        """Return the node type of a name."""
        return next(t for t in self.node_types if t.name == name)

    def edge_type(self, triple: Triple) -> EdgeType:
        """Return the edge type of a triple."""
        return next(t for t in self.edge_types if t.triple == triple)

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON values."""
        content = asdict(self)
        for node_type in content["node_types"]:
            # Where there is nothing to say, a graph has the fingerprint that it had before.
            made_from = list(node_type.pop("made_from"))
            node_type |= {"made_from": made_from} if made_from else {}
            if node_type["storage"] == "float32":
                del node_type["storage"]
        for edge_type in content["edge_types"]:
            for key in ("made_from", "made_of", "attr_names"):
                edge_type[key] = list(edge_type[key])
            edge_type["attr_scale"] = [list(pair) for pair in edge_type["attr_scale"]]
        return {name: list(types) for name, types in content.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, where: str = "graph schema") -> GraphSchema:
        """Return the schema that :meth:`to_json` wrote.

        Raises:
            GraphError: If the value is none; all faults at once.
        """
        try:
            return _validator().validate_python(value)
        except ValidationError as error:
            raise GraphError.of(faults_of(error, cls, where=where)) from None


@cache
def _validator() -> TypeAdapter[GraphSchema]:
    """Return what checks a schema: making it takes as long as opening the rest of a graph."""
    return TypeAdapter(GraphSchema)
