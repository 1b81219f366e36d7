"""Single entities as the report shows them."""

from __future__ import annotations

import base64

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.evaluation.samples import show_entities, spread_over
from mmgraph.graph.graph import Graph


def test_shows_pictures_texts_and_what_is_missing(graph: Graph) -> None:
    lacking, having = show_entities(
        graph, "mark", [5, 6], targets=["thai", "latin"], predictions=["greek", "latin"]
    )
    assert lacking.missing == ("picture",)
    assert lacking.pictures == ()
    assert [modality for modality, _ in having.texts] == ["name"]
    assert (having.id, having.title, having.target, having.prediction) == ("m6", "Mark 6", "latin", "latin")
    ((modality, address),) = having.pictures
    assert modality == "picture"
    row = graph.nodes["mark/picture"].set_index("id").loc["m6"]
    assert base64.b64decode(address.removeprefix("data:image/png;base64,")) == row["preview"]


def test_bytes_that_are_no_png_are_not_shown(graph: Graph) -> None:
    table = graph.nodes["mark/picture"].copy()
    table["preview"] = [b'"><script>' for _ in range(len(table))]
    nodes = {**graph.nodes, "mark/picture": table}
    other = Graph(graph.schema, graph.manifest, graph.tasks, nodes, graph.features, graph.edges)
    assert show_entities(other, "mark", [6], targets=[1.23456])[0].pictures == ()


def test_numbers_are_shortened(graph: Graph) -> None:
    assert show_entities(graph, "mark", [6], targets=[1.23456])[0].target == "1.235"


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.integers(1, 12))
def test_spread_takes_every_value_before_one_comes_twice(values: list[str], count: int) -> None:
    rows = np.arange(100, 100 + len(values))
    chosen = spread_over(values, rows, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(values))
    first = [values[row - 100] for row in chosen][: len(set(values))]
    assert len(set(first)) == len(first)
