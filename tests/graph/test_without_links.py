"""A task that asks for edges sees a graph without them, and other tasks see all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import Graph, build_graph, load_graph, summarise

TRIPLE = ("product", "bought_with", "product")
REVERSE = ("product", "rev_bought_with", "product")
TOGETHER = {"kind": "link_prediction", "relation": "bought_with"}
FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}
TWO_STEPS = {"builder": "meta_path", "path": ["bought_with", "bought_with"]}


@pytest.fixture
def make_graph(make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]) -> Callable[..., Graph]:
    """Return a function that builds the shop with a link task, of which some keys are set."""

    def make(*, splits: dict[str, Any] | None = None, **keys: Any) -> Graph:
        dataset = make_shop(
            tasks=shop_spec["tasks"] | {"together": TOGETHER | keys},
            relations=shop_spec["relations"] | {"two_steps": TWO_STEPS},
            splits=shop_spec["splits"] | (splits or {}),
        )
        return build_graph(dataset, cache=False, previews=False)

    return make


def _pairs(graph: Graph, triple: tuple[str, str, str]) -> set[tuple[int, int]]:
    return set(map(tuple, graph.edge_index[triple].T.tolist()))


def test_what_is_asked_for_is_in_neither_direction_and_nothing_is_lost(
    make_graph: Callable[..., Graph],
) -> None:
    graph = make_graph()
    view = graph.view("together")
    held_out = view.held_out["bought_with"]
    aside = set(zip(held_out.source.tolist(), held_out.target.tolist(), strict=True))
    stays = _pairs(view, TRIPLE)
    assert aside
    assert not aside & stays
    assert stays | aside == _pairs(graph, TRIPLE)
    assert {(b, a) for a, b in stays} == _pairs(view, REVERSE)
    assert (len(held_out.of("validation")), len(held_out.of("test"))) == (3, 2)
    for triple, count in ((TRIPLE, len(stays)), (REVERSE, len(stays))):
        edge_type = view.schema.edge_type(triple)
        assert (edge_type.num_edges, edge_type.held_out) == (count, len(aside))
        assert view.edges[triple].num_edges == len(view.edge_weight[triple]) == count


def test_other_tasks_and_other_relations_stay_as_they_are(make_graph: Callable[..., Graph]) -> None:
    graph = make_graph()
    assert graph.view("price") is graph
    assert not graph.held_out
    view = graph.view("together")
    assert "two_steps" not in view.schema.relations
    assert _pairs(view, ("product", "looks_like", "product")) == _pairs(
        graph, ("product", "looks_like", "product")
    )


def test_a_task_may_say_which_edges_and_what_else_it_must_not_see(make_graph: Callable[..., Graph]) -> None:
    keys = {"hold_out": {"fractions": FRACTIONS, "seed": 3}, "without": {"modalities": ["picture"]}}
    view = make_graph(**keys).view("together")
    assert len(view.held_out["bought_with"].of("test")) == 5
    assert {"looks_like"}.isdisjoint(view.schema.relations)
    assert "product/picture" not in view.schema.channels


def test_a_split_of_the_dataset_is_taken_as_it_is(make_graph: Callable[..., Graph]) -> None:
    split = {"kind": "edges", "relation": "bought_with", "fractions": FRACTIONS}
    graph = make_graph(splits={"by_edge": split}, split="by_edge")
    view = graph.view("together")
    assert view.held_out["bought_with"] is graph.held_out["bought_with"]
    # It was made of the edges that are left.
    assert "two_steps" in view.schema.relations


def test_any_relation_between_entities_can_be_asked_for_without_preparation(
    make_graph: Callable[..., Graph],
) -> None:
    graph = make_graph()
    view = graph.view("link:made_by")
    assert len(view.held_out["made_by"]) == 5
    with pytest.raises(GraphError, match=r"has no relation 'made_bi'\. Did you mean 'made_by'"):
        graph.view("link:made_bi")
    with pytest.raises(GraphError, match="from or to the modality 'product/vector'"):
        graph.view("link:alike")
    with pytest.raises(GraphError, match="there is no task 'made_by'"):
        graph.view("made_by")


def test_the_task_is_kept_on_disk_and_listed(make_graph: Callable[..., Graph], tmp_path: Path) -> None:
    graph = make_graph(hold_out={"fractions": FRACTIONS})
    graph.save(tmp_path / "graph")
    opened = load_graph(tmp_path / "graph")
    assert opened.tasks == graph.tasks
    assert opened.fingerprint() == graph.fingerprint()
    assert _pairs(opened.view("together"), TRIPLE) == _pairs(graph.view("together"), TRIPLE)
    assert summarise(opened)["link_tasks"] == {
        "together": {"relation": "bought_with", "kind": "link_prediction"}
    }


def test_by_time_the_latest_edges_are_asked_for(
    make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]
) -> None:
    relation = shop_spec["relations"]["bought_with"] | {"time_column": "day"}
    dataset = make_shop(
        relations={"bought_with": relation},
        tasks={"next": TOGETHER | {"hold_out": {"by": "time"}}},
    )
    file = dataset.folder / "bought_with.csv"
    table = pd.read_csv(file)
    table.assign(day=range(len(table))).to_csv(file, index=False)
    view = build_graph(dataset, cache=False, previews=False).view("next")
    held_out = view.held_out["bought_with"]
    assert held_out.time is not None
    assert view.edge_time[TRIPLE].max() < held_out.time.min()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"relation": "bougth_with"}, "tasks.together.relation: there is no relation 'bougth_with'"),
        ({"split": "random"}, "tasks.together.split: got 'random', which does not split the edges"),
        ({"split": "none"}, "tasks.together.split: there is no split 'none'"),
        ({"split": "random", "hold_out": {}}, "got both split and hold_out"),
        ({"target": "colour"}, "tasks.together.target: is a key that is not known here"),
        (
            {"hold_out": {"by": "tiem"}},
            r"tasks.together.hold_out.by: got 'tiem'; wanted one of .* Did you mean 'time'",
        ),
    ],
)
def test_what_is_wrong_with_a_link_task(
    make_graph: Callable[..., Graph], keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_graph(**keys)


def test_all_faults_of_several_tasks_are_told(
    make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]
) -> None:
    tasks = {"together": TOGETHER | {"colour": 1, "without": 2}, "price": {"entity": "product", "wihtout": 1}}
    with pytest.raises(ConfigError) as caught:
        make_shop(tasks=tasks)
    assert {fault.where.partition(": ")[2] for fault in caught.value.faults} == {
        "tasks.together.colour",
        "tasks.together.without",
        "tasks.price.target",
        "tasks.price.split",
        "tasks.price.wihtout",
    }


def test_edges_that_a_split_holds_out_already_are_not_split_again(make_graph: Callable[..., Graph]) -> None:
    split = {"kind": "edges", "relation": "bought_with", "fractions": FRACTIONS}
    with pytest.raises(ConfigError, match=r"split: is missing: .* are split by 'by_edge' already"):
        make_graph(splits={"by_edge": split})
