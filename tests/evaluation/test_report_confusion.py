"""The confusion matrix and the entities behind its cells."""

from __future__ import annotations

import pandas as pd
import pytest

from mmgraph.evaluation import report_confusion
from mmgraph.evaluation.report_confusion import confusion_of
from mmgraph.graph.graph import Graph


def test_behind_a_cell_are_the_entities_of_it(graph: Graph) -> None:
    test = pd.DataFrame(
        {
            "id": ["m0", "m1", "m2", "m3", "m4"],
            "target": ["a", "a", "b", "b", "b"],
            "prediction": ["a", "b", "b", "c", "c"],
        }
    )
    confusion = confusion_of(test, graph, "mark")
    assert confusion.labels == ("b", "a", "c")
    b, a, c = confusion.rows
    assert [cell.count for cell in b.cells] == [1, 0, 2]
    assert [cell.count for cell in c.cells] == [0, 0, 0]
    behind = {one.anchor: one for one in confusion.examples}
    assert [sample.id for sample in behind[b.cells[2].anchor].samples] == ["m3", "m4"]
    assert behind[b.cells[2].anchor].title == "b taken for c: 2 entities"
    assert behind[a.cells[1].anchor].title == "a, found: 1 entity"
    assert not b.cells[1].anchor
    # The most frequent mistake is the first, and so is the last to be without examples.
    assert confusion.examples[0].title.startswith("b taken for c")


def test_many_entities_are_some(graph: Graph) -> None:
    test = pd.DataFrame({"id": [f"m{i}" for i in range(30)], "target": "a", "prediction": "b"})
    confusion = confusion_of(test, graph, "mark")
    (one,) = confusion.examples
    assert len(one.samples) == 6
    assert one.title == "a taken for b: 30 entities, 6 of them"


def test_large_classes_are_shown_and_the_rest_counted(graph: Graph) -> None:
    labels = [f"c{i % 20}" for i in range(60)]
    test = pd.DataFrame({"id": [f"m{i}" for i in range(60)], "target": labels, "prediction": labels})
    confusion = confusion_of(test, graph, "mark")
    assert len(confusion.labels) == 16
    assert confusion.left_out == 4


def test_examples_end_where_the_page_has_no_more_room(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    test = pd.DataFrame(
        {"id": [f"m{i}" for i in range(9)], "target": list("aaabbbccc"), "prediction": list("aabbbbccc")}
    )
    whole = confusion_of(test, graph, "mark")
    assert len(whole.examples) == 4
    first = sum(sample.size for sample in whole.examples[0].samples)
    monkeypatch.setattr(report_confusion, "_MOST_BYTES", first + 10)
    some = confusion_of(test, graph, "mark")
    assert [one.title for one in some.examples] == ["a taken for b: 1 entity"]
    assert sum(bool(cell.anchor) for row in some.rows for cell in row.cells) == 1
