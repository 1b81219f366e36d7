"""Which relations a graph gets: those of ``dataset.yaml``, by name, or builders made in Python."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmgraph.config_faults import NAME_PATTERN
from mmgraph.data.spec import RelationSpec
from mmgraph.errors import ConfigError, Faults, MMGraphError, did_you_mean
from mmgraph.graph.relation import RelationBuilder
from mmgraph.registry import RELATIONS

RelationLike = (
    str | RelationBuilder | type[RelationBuilder] | tuple[str, RelationBuilder | type[RelationBuilder]]
)
"""A name in ``dataset.yaml``, a builder (or a builder without required parameters), or a new name and one."""


@dataclass(frozen=True)
class ChosenRelation:
    """A relation that shall be built.

    Args:
        name: The relation's name.
        builder: What builds it.
        registered_as: The builder's name in YAML; for one that is not registered, the name of its class.
        where: The place that asks for it, for messages.
    """

    name: str
    builder: RelationBuilder
    registered_as: str
    where: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The builder's parameters as JSON values."""
        return self.builder.parameters()


def choose_relations(
    known: Mapping[str, RelationSpec], wanted: Sequence[RelationLike] | None, *, file: str = "dataset.yaml"
) -> list[ChosenRelation]:
    """Return the relations to build, with their parameters checked.

    Args:
        known: The relations of ``dataset.yaml``.
        wanted: Names and builders; nothing for all that are known. ``of`` is always built, so that it may
            stand here or not.
        file: The path of ``dataset.yaml``, for messages.

    Raises:
        ConfigError: With all faults: unknown names, builders and parameters, names that stand twice.
    """
    chosen: list[ChosenRelation] = []
    faults = Faults()
    for position, item in enumerate(known if wanted is None else wanted):
        if item == "of":
            continue
        try:
            relation = _choose(item, f"relations[{position}]", known, file)
            _check_name(relation, {c.name: c.where for c in chosen})
        except MMGraphError as error:
            faults.extend(error)
        else:
            chosen.append(relation)
    faults.raise_if_any(ConfigError)
    return _in_order(chosen)


def _in_order(chosen: Sequence[ChosenRelation]) -> list[ChosenRelation]:
    """Return relations so that each comes after those that it is made of, else in their own order.

    Raises:
        ConfigError: If one is made of a relation that is not built, or, by way of others, of itself.
    """
    names = {relation.name: relation for relation in chosen}
    faults = Faults()
    ordered: dict[str, ChosenRelation] = {}

    def visit(relation: ChosenRelation, above: tuple[str, ...]) -> None:
        if relation.name in above:
            circle = " -> ".join((*above[above.index(relation.name) :], relation.name))
            faults.add(relation.where, f"is made of itself: {circle}", "Break the circle.")
        if relation.name in ordered or relation.name in above:
            return
        for need in relation.builder.needs():
            if need in names:
                visit(names[need], (*above, relation.name))
            else:
                fix = did_you_mean(need, [n for n in names if n != relation.name])
                faults.add(relation.where, f"is made of {need!r}, which is not among the relations", fix)
        ordered[relation.name] = relation

    for relation in chosen:
        visit(relation, ())
    faults.raise_if_any(ConfigError)
    return list(ordered.values())


def _choose(item: Any, where: str, known: Mapping[str, RelationSpec], file: str) -> ChosenRelation:
    if isinstance(item, str):
        if item not in known:
            fix = did_you_mean(item, known)
            if item in RELATIONS:
                fix = "That is a relation builder: name it under relations in dataset.yaml, or pass one."
            raise ConfigError(f"dataset.yaml has no relation {item!r}", where=where, fix=fix)
        return _from_spec(item, known[item], f"{file}: relations.{item}")
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        builder = _builder(item[1], where)
        return ChosenRelation(item[0], builder, _registered_as(builder), where)
    builder = _builder(item, where)
    return ChosenRelation(builder.default_name, builder, _registered_as(builder), where)


def _from_spec(name: str, spec: RelationSpec, where: str) -> ChosenRelation:
    if spec.builder not in RELATIONS:
        raise ConfigError(
            f"there is no relation builder {spec.builder!r}",
            where=f"{where}.builder",
            fix=did_you_mean(spec.builder, RELATIONS.names()),
        )
    kind: type[RelationBuilder] = RELATIONS.get(spec.builder)
    return ChosenRelation(name, kind.from_config(spec.parameters, where=where), spec.builder, where)


def _builder(item: Any, where: str) -> RelationBuilder:
    if isinstance(item, type) and issubclass(item, RelationBuilder) and not inspect.isabstract(item):
        return item.from_config({}, where=f"{where}: {item.__name__}")
    if not isinstance(item, RelationBuilder):
        fix = "Decorate the function with @mmgraph.relation(...)." if callable(item) else ""
        raise ConfigError(
            f"got {item!r}; wanted a name from dataset.yaml, a relation builder, or a pair of a new name and "
            "a builder",
            where=where,
            fix=fix,
        )
    return item


def _registered_as(builder: RelationBuilder) -> str:
    names = (name for name, kind in RELATIONS.items() if kind is type(builder))
    return next(names, type(builder).__qualname__)


def _check_name(relation: ChosenRelation, taken: Mapping[str, str]) -> None:
    name, where = relation.name, relation.where
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigError(
            f"got the name {name!r}; wanted letters, digits and '_', beginning with a letter",
            where=where,
            fix=f"Give it another: ('a_name', {type(relation.builder).__name__}(...)).",
        )
    if name == "of" or name.startswith("rev_"):
        raise ConfigError(
            f"the name {name!r} is reserved: 'of' and 'rev_...' are made by mmgraph",
            where=where,
            fix="Choose another name.",
        )
    if name in taken:
        raise ConfigError(
            f"the name {name!r} is taken by {taken[name]}",
            where=where,
            fix=f"Give it another: ('another_name', {type(relation.builder).__name__}(...)).",
        )
