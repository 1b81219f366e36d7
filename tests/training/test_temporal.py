"""An entity that sees only what was there at its own time: against the graph as it was then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torch_geometric.data import HeteroData

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import Graph, build_graph, load_graph
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.training import Run, load_run, train
from mmgraph.training.assemble import visible_graph
from mmgraph.training.data import GraphBatch

COUNT = 60
QUICK = ("model.hidden_channels=16", "model.dropout=0", "max_epochs=2", "device=cpu")


def shop(*, shift: float = 0.0) -> HeteroData:
    """Return products in the order of their times, with sales between them and with makers that have none.

    Args:
        shift: What the times of products are raised by.
    """
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    product = data["product"]
    product.x = torch.randn(COUNT, 4, generator=generator)
    product.image = torch.randn(COUNT, 5, generator=generator)
    product.image_mask = torch.arange(COUNT) % 4 > 0
    # Two products are of the same time each.
    product.time = torch.arange(COUNT).div(2, rounding_mode="floor").double() + shift
    product.y = torch.arange(COUNT) % 3
    product.train_mask = torch.arange(COUNT) < 40
    product.val_mask = (torch.arange(COUNT) >= 40) & (torch.arange(COUNT) < 50)
    product.test_mask = torch.arange(COUNT) >= 50
    data["maker"].num_nodes = 6

    def ends(sources: int, targets: int, edges: int) -> torch.Tensor:
        pairs = [torch.randint(size, (edges,), generator=generator) for size in (sources, targets)]
        return torch.unique(torch.stack(pairs), dim=1)

    data["product", "bought_with", "product"].edge_index = sold = ends(COUNT, COUNT, 300)
    # Some sales are earlier than the products: those have no edge before they are there themselves.
    data["product", "bought_with", "product"].time = torch.randint(30, (sold.shape[1],), generator=generator)
    data["product", "bought_with", "product"].edge_weight = (
        torch.rand(sold.shape[1], generator=generator) + 0.1
    )
    data["product", "like", "product"].edge_index = ends(COUNT, COUNT, 150)
    data["product", "made_by", "maker"].edge_index = ends(COUNT, 6, 80)
    data["maker", "knows", "maker"].edge_index = ends(6, 6, 8)
    data["maker", "knows", "maker"].time = torch.arange(data["maker", "knows", "maker"].edge_index.shape[1])
    return data


def made(**options) -> Graph:
    modalities = {"product": ["x", "image"]}
    return from_hetero_data(shop(**options), modalities=modalities)


def trained(graph: Graph, *overrides: str, **options) -> Run:
    chosen = {"task": "product", "temporal": "uniform", "batch_size": 16, **options}
    return train(graph, overrides=[*QUICK, *overrides], **chosen)


def at(graph: Graph, time: float) -> GraphBatch:
    """Return a graph as it was at some time: all nodes, but those edges alone that were there."""
    times = {"product": graph.nodes["product"]["time"].to_numpy(), "maker": np.full(6, -np.inf)}
    kept = {}
    for edge_type in graph.schema.edge_types:
        index = graph.edge_index[edge_type.triple]
        there = np.ones(index.shape[1], dtype=bool)
        for number, (source, target) in enumerate(index.T):
            for node, name in ((source, edge_type.source), (target, edge_type.target)):
                entity, _, modality = name.partition("/")
                owner = graph.nodes[name]["entity_index"][node] if modality else node
                # The modalities of an entity that is not there yet are alone with it.
                there[number] &= edge_type.kind == "of" or times[entity][owner] <= time
            if edge_type.timed:
                there[number] &= graph.edge_time[edge_type.triple][number] <= time
        kept[edge_type.triple] = there
    whole = GraphBatch.of(graph)

    def of(values, dim=0):
        return {t: x[..., kept[t]] if dim else x[kept[t]] for t, x in values.items()}

    return GraphBatch(
        whole.x_dict, of(whole.edge_index_dict, 1), of(whole.edge_weight_dict), of(whole.edge_attr_dict)
    )


@pytest.mark.parametrize(
    ("model", "overrides"),
    [
        ("hetero_gat", []),
        ("hetero_sage", ["model.readout=jk"]),
        ("rgcn", ["model.missing=neighbours"]),
        ("mlp", []),
        (None, ["model.layers=[cross_modal_transformer, hetero_gat]", "model.missing=token"]),
    ],
)
def test_every_entity_is_measured_in_the_graph_of_its_time(model, overrides):
    graph = made()
    run = trained(graph, *overrides, model=model)
    view = visible_graph(graph, "product", run.config)
    _, found = run.embed()
    times = graph.nodes["product"]["time"]
    assert times.is_monotonic_increasing
    wanted = np.empty_like(found)
    with torch.no_grad():
        for time in times.unique():
            rows = np.flatnonzero(times == time)
            wanted[rows] = run.module.model(*at(view, time)[:-1])["product"][rows].numpy()
        as_it_is = run.module.model(*GraphBatch.of(view)[:-1])["product"].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    if model != "mlp":
        assert np.abs(found - as_it_is).max() > 1e-3


def test_an_entity_without_times_sees_all():
    graph = made()
    run = trained(graph)
    _, found = run.embed("maker")
    with torch.no_grad():
        wanted = run.module.model(*GraphBatch.of(graph)[:-1])["maker"].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strategy", ["uniform", "last"])
def test_nothing_of_the_future_reaches_an_entity(strategy):
    graph = made()
    # Samples of two, so that what training sees is looked at as well as what is measured.
    options = {"temporal": strategy, "fanout": [2, 2], "model": "hetero_gat"}
    run = trained(graph, **options)
    _, before = run.embed()
    moved = 0
    for row in (3, 24, 41, 57):
        later = graph.nodes["product"]["time"].to_numpy() > graph.nodes["product"]["time"][row]
        other = replace(graph, features={**graph.features}, stored_fingerprint=None)
        for name in ("product/x", "product/image"):
            owners = graph.nodes[name]["entity_index"].to_numpy()
            other.features[name] = np.where(later[owners][:, None], 7.0, graph.features[name]).astype(
                np.float32
            )
        kept = Run(graph=other, config=run.config, module=run.module, history=run.history, best_epoch=1)
        _, after = kept.embed()
        unchanged = np.flatnonzero(~later)
        assert before[unchanged].tobytes() == after[unchanged].tobytes()
        moved += int((before[later] != after[later]).any())
    assert moved == 4
    # Weights follow from training entities alone, and those from what was there.
    test = graph.nodes["product"]["time"].to_numpy() >= 20
    owners = graph.nodes["product/x"]["entity_index"].to_numpy()
    x = np.where(test[owners][:, None], 7.0, graph.features["product/x"]).astype(np.float32)
    again = trained(replace(graph, features={**graph.features, "product/x": x}), "max_epochs=1", **options)
    first = trained(graph, "max_epochs=1", **options)
    for name, weights in first.last_weights.items():
        assert torch.equal(weights, again.last_weights[name]), name


def test_an_edge_that_comes_later_changes_nothing():
    graph = made()
    run = trained(graph)
    triple = ("product", "like", "product")
    index = graph.edge_index[triple]
    # The last two products get edges to all others, which are earlier.
    extra = np.stack([np.full(COUNT - 2, COUNT - 1), np.arange(COUNT - 2)])
    both = np.unique(np.concatenate([index, extra], axis=1), axis=1)
    both = both[:, np.lexsort((both[0], both[1]))]
    reverse = ("product", "rev_like", "product")
    turned = both[::-1][:, np.lexsort((both[1], both[0]))]
    edges = {**{t: graph.edges[t] for t in graph.edges}, triple: StoredEdges(both)}
    edges[reverse] = StoredEdges(np.ascontiguousarray(turned))
    schema = replace(
        graph.schema,
        edge_types=tuple(
            replace(t, num_edges=both.shape[1]) if t.triple in (triple, reverse) else t
            for t in graph.schema.edge_types
        ),
    )
    other = replace(graph, edges=edges, schema=schema, stored_fingerprint=None)
    kept = Run(graph=other, config=run.config, module=run.module, history=run.history, best_epoch=1)
    assert kept.embed()[1][:-2].tobytes() == run.embed()[1][:-2].tobytes()


def write_dataset(folder, *, time="time", split=True) -> None:
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(COUNT) // 2, unit="D")
    ids = [f"p{n}" for n in range(COUNT)]
    frame = pd.DataFrame({"id": ids, "text": rng.choice(["red", "blue"], COUNT), "made": day.astype(str)})
    frame["kind"] = frame["text"].where(rng.random(COUNT) < 0.9, "green")
    folder.mkdir()
    frame.to_csv(folder / "products.csv", index=False)
    ends = {end: rng.choice(ids, 200) for end in ("source", "target")}
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 30, 200), unit="D")
    pd.DataFrame({**ends, "at": when.astype(str), "tick": rng.integers(10**12, 10**13, 200)}).to_csv(
        folder / "sold.csv", index=False
    )
    fractions = {"train": 0.6, "validation": 0.2, "test": 0.2}
    by_time = {"kind": "time", "entity": "product", "column": "made", "fractions": fractions}
    by_chance = {"kind": "random", "entity": "product", "fractions": fractions}
    spec = {
        "name": "shop",
        "entities": {
            "product": {"table": "products.csv", "modalities": {"text": {"kind": "text", "column": "text"}}}
        },
        "relations": {
            "sold": {"builder": "table", "source": "product", "target": "product", "table": "sold.csv"}
        },
        "splits": {"parts": by_time if split else by_chance},
        "tasks": {
            name: {"entity": "product", "target": "kind", "split": "parts"} for name in ("kind", "again")
        },
    }
    if time:
        spec["relations"]["sold"]["time_column"] = time
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))


def test_a_dataset_that_is_split_by_time_trains_by_time(tmp_path):
    write_dataset(tmp_path / "shop", time="at")
    build_graph(tmp_path / "shop", cache=False, out=tmp_path / "graph")
    graph = load_graph(tmp_path / "graph")
    assert graph.nodes["product"]["time"].min() == pd.Timestamp("2024-01-01").timestamp()
    options = {"task": "kind", "overrides": [*QUICK], "out": tmp_path / "run"}
    run = train(tmp_path / "graph", temporal="last", **options)
    assert (run.config.batch_size, run.config.temporal) == (1024, "last")
    assert not [note for note in run.describe()["notes"] if "times of" in note]
    opened = load_run(tmp_path / "run")
    assert opened.metrics() == run.metrics()
    assert opened.embed()[1].tobytes() == run.embed()[1].tobytes()
    assert load_run(tmp_path / "run", eval_batch_size=7).metrics() == run.metrics()
    _, without = train(tmp_path / "graph", **{**options, "out": None}, batch_size=1024).embed()
    assert np.abs(without - run.embed()[1]).max() > 1e-3


def test_several_tasks_train_by_time_as_well(tmp_path):
    write_dataset(tmp_path / "shop", time="at")
    graph = build_graph(tmp_path / "shop", cache=False)
    states = {}
    for task in ("kind", "kind,again"):
        run = train(
            graph, task=task, temporal="last", overrides=[*QUICK, "max_epochs=1", "optimiser.lr=1e-9"]
        )
        states[task] = run.embed()[1]
    _, without = train(
        graph, task="kind", batch_size=1024, overrides=[*QUICK, "max_epochs=1", "optimiser.lr=1e-9"]
    ).embed()
    assert np.abs(states["kind"] - states["kind,again"]).max() < 1e-5
    assert np.abs(states["kind"] - without).max() > 1e-3


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (
            {"time": "at", "split": False},
            {},
            r"temporal: the entities of the type 'product' have no times.*entiti",
        ),
        (
            {},
            {"batch_size": 0},
            r"temporal: got uniform, but with batch_size 0 all entities see the same graph",
        ),
        (
            {},
            {"model": "han"},
            r"temporal: each entity sees a graph of its own, but the model needs the whole",
        ),
        ({}, {"temporal": "first"}, r"temporal: got 'first'"),
    ],
)
def test_what_cannot_keep_to_times_is_refused(tmp_path, dataset, options, message):
    write_dataset(tmp_path / "shop", **{"time": "at", **dataset})
    graph = build_graph(tmp_path / "shop", cache=False)
    chosen = {"task": "kind", "temporal": "uniform", "overrides": [*QUICK], **options}
    with pytest.raises(ConfigError, match=message):
        train(graph, **chosen)


def test_times_on_another_clock_are_refused(tmp_path):
    write_dataset(tmp_path / "shop", time="tick")
    graph = build_graph(tmp_path / "shop", cache=False)
    with pytest.raises(
        GraphError, match=r"relation sold: the earliest edge has the time 1\d{12}, and the last 'p"
    ):
        train(graph, task="kind", temporal="uniform", overrides=[*QUICK])


def test_a_training_that_does_not_keep_to_times_says_so(tmp_path):
    write_dataset(tmp_path / "shop", time="at")
    run = train(build_graph(tmp_path / "shop", cache=False), task="kind", overrides=[*QUICK])
    assert run.describe()["notes"][-1].startswith(
        "the times of sold are not looked at, unless temporal is set"
    )


def test_a_task_that_cannot_keep_to_times_is_not_told_to(tmp_path):
    write_dataset(tmp_path / "shop", time="at")
    run = train(build_graph(tmp_path / "shop", cache=False), task="pretrain", overrides=[*QUICK])
    notes = [note for note in run.describe()["notes"] if "are not looked at" in note]
    assert notes == [
        "the times of sold are not looked at: every entity sees all edges of the graph, also later ones"
    ]


def test_a_task_that_asks_for_links_is_refused():
    with pytest.raises(
        ConfigError, match=r"temporal: .* the task '.*like' is link_prediction, which asks for some"
    ):
        train(made(), task="link:like", temporal="uniform", overrides=[*QUICK])
