"""A user's own relation: one plain function, made a relation builder by a decorator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from mmgraph.custom_function import Function, Wanted, check_name, class_of, line_of
from mmgraph.errors import ConfigError, Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Attached, Edges, Fitted, Nodes, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.kept_column import keep_column, read_column

_COMMON = frozenset(field.name for field in fields(RelationBuilder))
"""The parameters of every relation builder, which are none of the function's."""


@dataclass(frozen=True)
class CustomRelation(RelationBuilder):
    """Calls a user's function for the edges. :func:`relation` makes a subclass for each function.

    Attributes:
        function: The function as the user wrote it.
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    uses_features: ClassVar[bool] = True
    function: ClassVar[Function]
    _name: ClassVar[str]
    _ends: ClassVar[tuple[str, str]]
    _symmetric: ClassVar[bool]
    _columns: ClassVar[tuple[str, ...]]

    @property
    def default_name(self) -> str:
        """The name that the decorator was given."""
        return self._name

    @property
    def symmetric(self) -> bool:
        """What the decorator was told."""
        return self._symmetric

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the node types that the decorator was given."""
        for parameter, end in zip(("source", "target"), self._ends, strict=True):
            context.parts(end, parameter=parameter)
        return self._ends

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities at the ends, and those that are read from the columns the function sees."""
        read = [
            context.readers(entity, column) for entity in self._entities(context) for column in self._columns
        ]
        return tuple(sorted({*super().made_from(context)}.union(*read)))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that neither end has, or that a task predicts.

        Raises:
            GraphError: If there is one.
        """
        known: list[str] = []
        for entity in self._entities(context):
            for column in self._columns:
                context.refuse_target(entity, column, parameter="columns")
            known.extend(str(name) for name in context.dataset.frame(entity))
        for column in self._columns:
            if column not in known:
                raise GraphError(
                    f"got {column!r}; neither end has such a column",
                    where=context.at("columns"),
                    fix=did_you_mean(column, known),
                )

    def _entities(self, context: BuildContext) -> list[str]:
        """Return the entity types at the two ends, each once."""
        return list(dict.fromkeys(context.parts(end, parameter="source")[0] for end in self._ends))

    def build(self, context: BuildContext) -> Edges:
        """Call the function and check what it returns.

        Raises:
            GraphError: If the function raises, or returns something else than edges between these nodes.
        """
        source = self._shown(context.nodes(self._ends[0]))
        target = source if self._ends[0] == self._ends[1] else self._shown(context.nodes(self._ends[1]))
        return self._call(source, target, context.where)

    def fit(self, context: BuildContext) -> Fitted:
        """Keep the columns that the function sees, if new entities are to be tied by it as well."""
        if not self.inductive:
            return {}
        kept = {}
        for entity in self._entities(context):
            frame = context.dataset.frame(entity)
            for column in [name for name in self._columns if name in frame]:
                kept[_kept_name(entity, column)] = keep_column(frame[column], where=context.at("columns"))
        return kept

    def attach(self, context: AttachContext) -> Attached:
        """Call the function for the edges between known nodes and new ones, in both directions.

        Raises:
            GraphError: If the decorator was not told that the relation is inductive, or the function raises.
        """
        if not self.inductive:
            return super().attach(context)
        (source, target), where = self._ends, context.where
        known = {end: self._known(end, context) for end in self._ends}
        new = {end: self._new(end, context) for end in self._ends}
        incoming = self._call(known[source], new[target], where)
        return Attached(incoming, self._call(new[source], known[target], where))

    def _known(self, node_type: str, context: AttachContext) -> Nodes:
        entity, _, modality = node_type.partition("/")
        rows = context.known_entity_index(node_type)
        columns = {
            name: read_column(context.fitted[_kept_name(entity, name)][rows])
            for name in self._columns
            if _kept_name(entity, name) in context.fitted
        }
        return Nodes(
            type=node_type,
            ids=context.known_ids(node_type),
            features=context.known_features(node_type).copy() if modality else None,
            frame=pd.DataFrame(columns, index=range(len(rows))),
            entity_index=rows,
            training=context.training(node_type),
        )

    def _new(self, node_type: str, context: AttachContext) -> Nodes:
        entity, _, modality = node_type.partition("/")
        rows = context.entity_index(node_type)
        frame = context.frame(entity)
        shown = frame[[name for name in self._columns if name in frame]]
        return Nodes(
            type=node_type,
            ids=context.ids(node_type),
            features=context.features(node_type).copy() if modality else None,
            frame=shown.iloc[rows].reset_index(drop=True),
            entity_index=rows,
            training=np.zeros(len(rows), dtype=bool),
        )

    def _call(self, source: Nodes, target: Nodes, where: str) -> Edges:
        """Return the edges that the function gives, checked."""
        where = f"{where}: function {self.function.__name__}"
        parameters = {name: value for name, value in self._given().items() if name not in _COMMON}
        try:
            result = self.function(source, target, **parameters)
        except MMGraphError:
            raise
        except (Exception, SystemExit) as error:
            hint = "Mend the function; --debug shows the whole traceback."
            if isinstance(error, KeyError):
                hint = "Mend the function; a column that it reads is named by @relation(..., columns=[...])."
            raise GraphError(
                f"raised {type(error).__name__}: {error} ({line_of(error, self.function)})",
                where=where,
                fix=hint,
            ) from error
        return read_edges(result, len(source), len(target), where=where)

    def _shown(self, nodes: Nodes) -> Nodes:
        """Return what the function gets: with the columns it may see, and free to be changed."""
        return replace(
            nodes,
            ids=nodes.ids.copy(),
            features=None if nodes.features is None else nodes.features.copy(),
            frame=nodes.frame[[name for name in self._columns if name in nodes.frame]].copy(),
            entity_index=nodes.entity_index.copy(),
            training=nodes.training.copy(),
            position=None if nodes.position is None else nodes.position.copy(),
        )


_WANTED = Wanted(
    ("source", "target"),
    "Take the source nodes and the target nodes, then '*', then what can be set in YAML.",
    CustomRelation,
    "relation builders",
)


def relation(
    name: str,
    *,
    source: str,
    target: str,
    symmetric: bool = False,
    columns: Sequence[str] = (),
    inductive: bool = False,
    pure: bool = False,
) -> Callable[[Function], type[Any]]:
    """Return a decorator that makes a relation builder of a plain function.

    The function gets the nodes of both ends and returns edges. A tuple is columns: ``(source_index,
    target_index)``, or the two and weights, each an array, a tensor or a list. A list is edges: tuples
    ``(source, target)``, or the two and a weight. An integer array or tensor [2, E] is PyG's ``edge_index``,
    and :class:`Edges` carry features and times as well. Its further parameters are keyword-only, have types,
    and are the relation's parameters.

    The relation is registered, so that ``dataset.yaml`` can name it (``builder: same_width``). The function
    becomes a class like :class:`KNN`: pass it to ``build_graph``, or call it to set parameters. As it was
    written it stays at hand as ``same_width.function``.

    The relation is transductive: the function sees all entities, also those of validation and test, but no
    column that a task predicts. ``Nodes.training`` says which entities may be learnt from. A task that leaves
    out a modality leaves out the relations made from it: those with the modality at an end, and those whose
    ``columns`` the modality is read from. A task for which the edges would give too much away for another
    reason names the relation under ``without``.

    Args:
        name: The relation's name.
        source: The node type that edges come from, e.g. ``glyph`` or ``glyph/sans``.
        target: The node type that they go to.
        symmetric: An edge holds in both directions: both are stored.
        columns: The columns of the entity tables that the function gets as ``frame``.
        inductive: The function says which edges lead from any source nodes to any target nodes, also where
            these are not the same ones; so new entities get their edges by calling it again.
        pure: The function reads nothing but what it is given: no file, no clock, no code but that of its own
            file. Then a graph that is built again takes its edges over where nothing has changed.

    Raises:
        ConfigError: If the name, a node type, the columns or the function's signature cannot be used.

    Example:
        >>> @relation("same_width", source="glyph", target="glyph", symmetric=True, columns=["width"])
        ... def same_width(source: Nodes, target: Nodes, *, tolerance: float = 0.1):
        ...     width = source.frame["width"].to_numpy(float)
        ...     apart = abs(width[:, None] - width[None, :])
        ...     return (apart <= tolerance).nonzero()
        >>> same_width(tolerance=0.2).parameters()  # doctest: +ELLIPSIS
        {'allow_empty': False, 'filters': {...}, 'scope': 'all', 'tolerance': 0.2}
    """
    check_name(name, thing="relation")
    where, faults = f"@relation {name}", Faults()
    ends: dict[str, Any] = {"source": source, "target": target}
    for parameter, end in ends.items():
        if not isinstance(end, str):
            faults.add(where, f"got {end!r} as {parameter}; wanted a node type, as text", "Give its name.")
    listed = isinstance(columns, Sequence) and not isinstance(columns, str)
    if not listed or not all(isinstance(column, str) for column in columns):
        fix = f"Write [{columns!r}]." if isinstance(columns, str) else "Give the names of the columns."
        faults.add(where, f"got {columns!r} as columns; wanted a list of names", fix)
    faults.raise_if_any(ConfigError)

    def decorator(function: Function) -> type[Any]:
        builder = class_of(
            function,
            _WANTED,
            where=where,
            namespace={
                "__doc__": inspect.getdoc(function) or f"The relation {name}.",
                "_name": name,
                "_ends": (source, target),
                "_symmetric": symmetric,
                "_columns": tuple(columns),
                "inductive": inductive,
                "pure": pure,
            },
            frozen=True,
        )
        RELATIONS.register(name)(builder)
        return builder

    return decorator


def _kept_name(entity: str, column: str) -> str:
    """Return a name under which a column can be kept, whatever letters it has."""
    return f"{entity}__{column.encode().hex()}"
