"""Names in ``dataset.yaml`` that refer to each other: every one must lead somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mmgraph.errors import Fault, did_you_mean

LINK_PREDICTION = "link_prediction"
"""The kind of the tasks that ask for edges."""

MULTI_LABEL = "multi_label"
"""The kind of the tasks that ask for several labels of an entity."""

MULTI_TASK = "multi_task"
"""The kind of several tasks that one model learns."""

PRETRAINING = "pretraining"
"""The kind of the tasks that need no labels."""

RETRIEVAL = "retrieval"
"""The kind of the tasks that ask which modality belongs to which."""

MATCHING = "matching"
"""The kind of the tasks that ask whether two modalities belong together."""

PAIR = "pair"
"""The kind of the modalities that are two others looked at together."""

_UNTARGETED = (LINK_PREDICTION, MATCHING, MULTI_TASK, PRETRAINING, RETRIEVAL)


def reference_faults(content: Mapping[str, Any], *, where: str) -> list[Fault]:
    """Return the faults among the names of a ``dataset.yaml`` that refer to each other.

    It takes the file's content as read, so that these faults are found beside those of the schema; what has
    not the right shape is left to the schema.

    Args:
        content: The mapping that the file holds.
        where: The file, for messages.

    Example:
        >>> content = {"entities": {"glyph": {}}, "splits": {"fixed": {"entity": "glyhp"}}}
        >>> print(*reference_faults(content, where="dataset.yaml"))
        dataset.yaml: splits.fixed.entity: there is no entity type 'glyhp'. Did you mean 'glyph'?
    """
    entities = _mapping(content.get("entities"))
    relations = _mapping(content.get("relations"))
    splits = _mapping(content.get("splits"))
    modalities = {
        name for entity in entities.values() for name in _mapping(_mapping(entity).get("modalities"))
    }
    faults = _reserved(relations, where)
    tables = [name for name, entity in entities.items() if "values_of" not in _mapping(entity)]
    for name, entity in entities.items():
        values_of, at = _mapping(_mapping(entity).get("values_of")), f"{where}: entities.{name}.values_of"
        faults += _unknown("entity type with a table", values_of, "entity", tables, at)
        faults += _pairs(_mapping(_mapping(entity).get("modalities")), f"{where}: entities.{name}.modalities")
    for name, split in splits.items():
        faults += _unknown("entity type", _mapping(split), "entity", entities, f"{where}: splits.{name}")
        faults += _unknown("relation", _mapping(split), "relation", relations, f"{where}: splits.{name}")
    faults += _split_twice(splits, where)
    tasks = _mapping(content.get("tasks"))
    targeted = [name for name, task in tasks.items() if _mapping(task).get("kind") not in _UNTARGETED]
    for name, item in tasks.items():
        task, at = _mapping(item), f"{where}: tasks.{name}"
        if task.get("kind") == LINK_PREDICTION:
            faults += _unknown("split", task, "split", splits, at)
            faults += _unknown("relation", task, "relation", relations, at) or _split_of_links(
                task, splits, at
            )
        elif task.get("kind") == MULTI_TASK:
            faults += _all_unknown("task with a target of each entity", task, "tasks", targeted, at)
        else:
            faults += _unknown("entity type", task, "entity", entities, at)
            faults += (
                _unknown("split", task, "split", splits, at)
                or _of_edges(task, splits, at)
                or _other_entity(task, splits, at)
            )
            if task.get("kind") in (RETRIEVAL, MATCHING):
                faults += _sides(task, entities, relations, at)
        without = _mapping(task.get("without"))
        faults += _all_unknown("modality", without, "modalities", modalities, f"{at}.without")
        faults += _all_unknown("relation", without, "relations", relations, f"{at}.without")
    return faults


def _split_of_links(task: Mapping[str, Any], splits: Mapping[str, Any], where: str) -> list[Fault]:
    """Return the fault of a task about edges whose split is not the one of its relation, if there is one."""
    relation, split = task.get("relation"), task.get("split")
    own = next((n for n, item in splits.items() if _mapping(item).get("relation") == relation), None)
    if split == own or (split is not None and split not in splits):
        return []
    if own is None:
        problem, fix = f"got {split!r}, which does not split the edges of {relation!r}", "Leave it out."
    elif split is None:
        problem = f"is missing: the edges of {relation!r} are split by {own!r} already"
        fix = f"Add split: {own}, and no hold_out."
    else:
        problem, fix = f"got {split!r}, but the edges of {relation!r} are split by {own!r}", f"Name {own!r}."
    return [Fault(f"{where}.split", problem, fix)]


def _sides(
    task: Mapping[str, Any], entities: Mapping[str, Any], relations: Iterable[str], where: str
) -> list[Fault]:
    """Return the faults of the names on both sides of a task about two modalities."""
    if task.get("entity") not in entities:
        return []
    modal = _mapping(_mapping(entities[task["entity"]]).get("modalities"))
    own = list(modal)
    known = [*own, *relations]
    faults = []
    for side in ("query", "answer"):
        faults += _unknown(f"modality of {task['entity']!r}", task, side, own, where)
        faults += _all_unknown("modality or relation", task, f"{side}_with", known, where)
    query, answer = (
        set(_names([task.get(side), *_names(task.get(f"{side}_with"))])) for side in ("query", "answer")
    )
    shared = (_with_inputs(query, modal) & _with_inputs(answer, modal)) - (query & answer)
    if shared:
        problem = (
            f"got {min(shared)!r} on both sides, on one of them in a pair; they would give each other away"
        )
        faults.append(Fault(where, problem, "Leave the pair out."))
    return faults


def _with_inputs(names: set[str], modalities: Mapping[str, Any]) -> set[str]:
    """Return names of modalities, and of those that pairs among them consist of."""
    return names.union(*(_names(_mapping(modalities.get(name)).get("inputs")) for name in names))


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _pairs(modalities: Mapping[str, Any], where: str) -> list[Fault]:
    """Return the faults of pairs whose inputs are not two other modalities of their entity type."""
    pairs = {name: item for name, item in modalities.items() if _mapping(item).get("kind") == PAIR}
    known = [name for name in modalities if name not in pairs]
    faults = []
    for name, pair in pairs.items():
        inputs, at = pair.get("inputs"), f"{where}.{name}"
        faults += _all_unknown("modality that is no pair", pair, "inputs", known, at)
        if isinstance(inputs, list) and len(inputs) == 2 and inputs[0] == inputs[1]:
            faults.append(Fault(f"{at}.inputs", f"got {inputs[0]!r} twice", "Name two modalities."))
    return faults


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _reserved(relations: Iterable[str], where: str) -> list[Fault]:
    return [
        Fault(
            f"{where}: relations.{name}",
            f"the name {name!r} is reserved: mmgraph makes 'of' and the reverse relations 'rev_...' itself",
            "Choose another name, or remove the relation.",
        )
        for name in relations
        if name == "of" or str(name).startswith("rev_")
    ]


def _unknown(what: str, holder: Mapping[str, Any], key: str, known: Iterable[str], where: str) -> list[Fault]:
    name = holder.get(key)
    if not isinstance(name, str) or name in known:
        return []
    return [Fault(f"{where}.{key}", f"there is no {what} {name!r}", did_you_mean(name, map(str, known)))]


def _all_unknown(
    what: str, holder: Mapping[str, Any], key: str, known: Iterable[str], where: str
) -> list[Fault]:
    names = holder.get(key)
    if not isinstance(names, list):
        return []
    return [
        Fault(
            f"{where}.{key}[{position}]", f"there is no {what} {name!r}", did_you_mean(name, map(str, known))
        )
        for position, name in enumerate(names)
        if isinstance(name, str) and name not in known
    ]


def _split_twice(splits: Mapping[str, Any], where: str) -> list[Fault]:
    """Return the faults of relations that two splits part: a graph holds out the edges of one."""
    first: dict[str, str] = {}
    faults = []
    for name, split in splits.items():
        relation = _mapping(split).get("relation")
        if isinstance(relation, str) and first.setdefault(relation, name) != name:
            faults.append(
                Fault(
                    f"{where}: splits.{name}.relation",
                    f"the edges of {relation!r} are split by {first[relation]!r} already",
                    "Remove one of the two; another split takes another dataset.yaml, or --set.",
                )
            )
    return faults


def _of_edges(task: Mapping[str, Any], splits: Mapping[str, Any], where: str) -> list[Fault]:
    """Return the fault of a task about entities whose split is one of edges."""
    name = task.get("split")
    if not isinstance(name, str) or "relation" not in _mapping(splits.get(name)):
        return []
    fitting = [n for n, split in splits.items() if "entity" in _mapping(split)]
    return [
        Fault(
            f"{where}.split",
            f"got {name!r}, a split of edges; wanted one of entities",
            f"There are: {', '.join(fitting)}." if fitting else "Add one.",
        )
    ]


def _other_entity(task: Mapping[str, Any], splits: Mapping[str, Any], where: str) -> list[Fault]:
    """Return the fault of a task whose split is of another entity type."""
    split, entity = task.get("split"), task.get("entity")
    other = _mapping(splits.get(split)).get("entity") if isinstance(split, str) else None
    if not isinstance(entity, str) or not isinstance(other, str) or other == entity:
        return []
    fitting = [name for name, item in splits.items() if _mapping(item).get("entity") == entity]
    return [
        Fault(
            f"{where}.split",
            f"the split {split!r} is of entity type {other!r}; wanted a split of {entity!r}",
            f"There are: {', '.join(fitting)}." if fitting else f"Add a split of {entity!r}.",
        )
    ]
