"""Names that refer to each other."""

from __future__ import annotations

from typing import Any

import pytest

from mmgraph.data.references import reference_faults

SOUND: dict[str, Any] = {
    "entities": {"a": {"modalities": {"text": {}}}, "b": {}},
    "relations": {"near": {}},
    "splits": {"of_a": {"entity": "a"}, "of_b": {"entity": "b"}},
    "tasks": {
        "t": {"entity": "a", "split": "of_a", "without": {"modalities": ["text"], "relations": ["near"]}}
    },
}


def test_sound_references() -> None:
    assert reference_faults(SOUND, where="f") == []


def test_all_faults_are_found_in_order() -> None:
    content = SOUND | {
        "relations": {"of": {}, "rev_near": {}, "nearby": {}},
        "splits": {"of_a": {"entity": "c"}, "of_b": {"entity": "b"}},
        "tasks": {
            "t": {"entity": "c", "split": "off_a", "without": {"modalities": ["txt"], "relations": ["near"]}},
            "u": {"entity": "a", "split": "of_b"},
        },
    }
    places = [fault.where for fault in reference_faults(content, where="f")]
    assert places == [
        "f: relations.of",
        "f: relations.rev_near",
        "f: splits.of_a.entity",
        "f: tasks.t.entity",
        "f: tasks.t.split",
        "f: tasks.t.without.modalities[0]",
        "f: tasks.t.without.relations[0]",
        "f: tasks.u.split",
    ]


def test_split_of_another_entity_type() -> None:
    content = SOUND | {"tasks": {"t": {"entity": "a", "split": "of_b"}}}
    (fault,) = reference_faults(content, where="f")
    assert str(fault) == (
        "f: tasks.t.split: the split 'of_b' is of entity type 'b'; wanted a split of 'a'. There are: of_a."
    )


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"entities": [], "relations": 3, "splits": "x", "tasks": None},
        {"tasks": {"t": None, "u": [], 3: {}}, "splits": {"s": 1}, "entities": {"a": None}},
        {"tasks": {"t": {"entity": 3, "split": [1], "without": {"modalities": "x", "relations": [3]}}}},
    ],
)
def test_other_shapes_are_left_to_the_schema(content: dict[str, Any]) -> None:
    assert reference_faults(content, where="f") == []


def test_several_tasks_are_tasks_with_a_target() -> None:
    links = {"kind": "link_prediction", "relation": "near"}
    one = {"kind": "multi_task", "tasks": ["t", "tt"]}
    other = {"kind": "multi_task", "tasks": ["links", "one", "t"]}
    content = SOUND | {"tasks": SOUND["tasks"] | {"links": links, "one": one, "other": other}}
    assert [str(fault) for fault in reference_faults(content, where="f")] == [
        "f: tasks.one.tasks[1]: there is no task with a target of each entity 'tt'. Did you mean 't'?",
        "f: tasks.other.tasks[0]: there is no task with a target of each entity 'links'. There are: t.",
        "f: tasks.other.tasks[1]: there is no task with a target of each entity 'one'. There are: t.",
    ]
