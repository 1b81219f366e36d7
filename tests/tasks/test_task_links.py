"""The links of a task stand in one part each: the earliest that has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.data.split_spec import Fractions, HoldOut
from mmgraph.data.task_spec import LinkTaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.exchange.parts import Modality, Parts
from mmgraph.graph.relation import Edges
from mmgraph.tasks import LinkPrediction, Task

NODES, FRACTIONS = 12, Fractions(train=0.5, validation=0.25, test=0.25)
TRAIN = [(node, node + 1) for node in range(8)]
VALIDATION = [(0, 1), (8, 9), (9, 10), (9, 11)]


def _task(
    *later: tuple[int, int], validation: list[tuple[int, int]] = VALIDATION, **changes: Any
) -> LinkPrediction:
    """Return the task of links of which each is a moment later than the one before it."""
    ids = [f"n{node:02}" for node in range(NODES)]
    links = np.array([*TRAIN, *validation, *later])
    spec = LinkTaskSpec(
        kind="link_prediction",
        relation="calls",
        hold_out=HoldOut(by="time", fractions=FRACTIONS),
        **changes,
    )
    graph = Parts(
        name="calls",
        entities={"person": pd.DataFrame({"id": ids, "title": ids})},
        modalities={"person/text": Modality(np.arange(NODES), np.eye(NODES, dtype=np.float32))},
        relations={
            ("person", "calls", "person"): Edges(links[:, 0], links[:, 1], time=np.arange(len(links))),
        },
        tasks={"next": spec},
    ).graph("{name}")
    task = Task.from_graph(graph, "next")
    assert isinstance(task, LinkPrediction)
    return task


def _links(task: LinkPrediction, part: str) -> set[tuple[int, int]]:
    rows = task.rows(part)
    return set(zip(task.links.source[rows].tolist(), task.links.target[rows].tolist(), strict=True))


def test_a_link_that_an_earlier_part_has_is_not_asked_for_again() -> None:
    # The first two are there since training and since validation; that one calls back is new.
    task = _task((0, 1), (8, 9), (1, 0), (10, 11))
    assert _links(task, "train") == set(TRAIN)
    assert _links(task, "validation") == {(8, 9), (9, 10), (9, 11)}
    assert _links(task, "test") == {(1, 0), (10, 11)}
    assert "3 held-out links are not asked for, as an earlier part has the same" in task.notes


def test_no_note_where_every_link_is_new() -> None:
    task = _task((1, 0), (2, 0), (3, 0), (4, 0), validation=[(8, 9), (9, 10), (9, 11), (10, 11)])
    assert task.links.repeats == 0
    assert "not asked for" not in " ".join(task.notes)


def test_a_part_of_repeats_alone_is_refused() -> None:
    with pytest.raises(GraphError, match=r"tasks.next: every test link of 'calls' is in an earlier part"):
        _task((0, 1), (1, 2), (8, 9), (9, 10))


def test_links_of_both_directions_are_asked_for_from_both_ends() -> None:
    onwards = _task((1, 0), (8, 9), (1, 5), (10, 11))
    both = _task((1, 0), (8, 9), (1, 5), (10, 11), direction="both")
    assert both.links.repeats == 3 * 2
    for part in ("train", "validation", "test"):
        # That one is linked back is nothing new where links have both directions.
        links = _links(onwards, part) - {(1, 0)}
        assert _links(both, part) == links | {(b, a) for a, b in links}
    # Whoever is linked to or from is known, and no wrong answer.
    assert both.links.known(torch.tensor([9]))[0].nonzero().flatten().tolist() == [8, 9, 10, 11]
    # Ranked by their numbers: above 5 are six others that 1 is not linked to, above 1 seven that 5 is not.
    rows = both.rows("test")
    found = both.metrics(both.rank(lambda sources: torch.arange(12.0).expand(len(sources), -1), rows), rows)
    ranks = {(1, 5): 7, (5, 1): 8, (10, 11): 1, (11, 10): 1}
    assert found["mrr"] == pytest.approx(np.mean([1 / rank for rank in ranks.values()]))
