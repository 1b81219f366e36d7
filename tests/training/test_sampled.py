"""Training by samples: the whole graph where all is sampled, the same for a seed, told where it cannot be."""

from __future__ import annotations

import dataclasses
import json
import tempfile

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from mmgraph.errors import ConfigError, GraphError, RunError
from mmgraph.graph import Graph, load_graph
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.graph.schema import EdgeType, GraphSchema
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.progress import Progress
from mmgraph.registry import MODELS
from mmgraph.training import Run, batching, load_run, train
from mmgraph.training.assemble import visible_graph
from mmgraph.training.inference import AtOnce, ByNeighbourhoods, Inference
from mmgraph.training.layer_by_layer import LayerByLayer
from mmgraph.training.module import TaskModule
from mmgraph.training.sampled_graph import SampledGraph

# Without dropout, which draws other numbers for a graph in another order; AdamW makes much of rounding.
STILL = (
    "model.input_dropout=0",
    "model.dropout=0",
    "model.hidden_channels=16",
    "optimiser.name=sgd",
    "max_epochs=3",
    "device=cpu",
)
STACKS = {
    "groups last": "[hetero_gat, cross_modal_transformer]",
    "groups between": "[hetero_sage, co_attention, hgt]",
    "groups twice": "[bottleneck, mult, {name: hetero_gat, aggr: max}]",
}


def whole(graph: Graph, *overrides: str, task: str = "colour", **arguments) -> Run:
    return train(graph, task=task, overrides=[*STILL, *overrides], batch_size=0, **arguments)


def sampled(graph: Graph, *overrides: str, task: str = "colour", batch_size: int = 1000, **arguments) -> Run:
    return train(graph, task=task, overrides=[*STILL, *overrides], batch_size=batch_size, **arguments)


def check_losses(graph: Graph, *overrides: str, **arguments) -> Run:
    """Make sure that one batch of all entities with all neighbours trains as the whole graph does."""
    wanted = whole(graph, *overrides, **arguments)
    hops = sum(layer.reads_relations for layer in wanted.module.model.layers)
    found = sampled(graph, *overrides, fanout=[-1] * hops, **arguments)
    for column in ("train_loss", "validation_loss"):
        losses = [run.history[column].tolist() for run in (found, wanted)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    return found


def check_inference(run: Run, kind: type[Inference], size: int) -> None:
    """Make sure that a model makes of entities, part by part, what it makes of them in the whole graph."""
    model, view = run.module.model.eval(), visible_graph(run.graph, run.task.labels.task, run.config)
    parts = kind(SampledGraph(view, model, seed=0, threads=0), size)
    sizes = {t.name: t.num_nodes for t in view.schema.node_types if t.modality is None}
    # Some of them, in an order of their own, and all.
    for rows in (
        {name: torch.randperm(size, generator=torch.manual_seed(0))[:9] for name, size in sizes.items()},
        {name: torch.arange(size) for name, size in sizes.items()},
    ):
        wanted = AtOnce(GraphBatch.of(view)).unify(model, rows)
        found = parts.unify(model, rows)
        assert found.keys() == wanted.keys()
        for name in rows:
            assert torch.allclose(found[name], wanted[name], atol=1e-5), name


@pytest.fixture
def near(graph) -> Graph:
    """Return the things, whose texts are near each other too, a relation between modality nodes."""
    texts = graph.schema.node_type("thing/text").num_nodes
    source = np.arange(texts).repeat(2)
    target = np.random.default_rng(0).integers(0, texts, source.size)
    index = np.stack([source, target])[:, np.lexsort((source, target))]
    near = EdgeType("thing/text", "near", "thing/text", source.size, "derived", one_way=True)
    return dataclasses.replace(
        graph,
        schema=GraphSchema(graph.schema.node_types, (*graph.schema.edge_types, near)),
        edges={**graph.edges, near.triple: StoredEdges(index)},
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Graph:
    """A graph in a folder: products, pictures of some, makers without features, weights, edge features."""
    generator = np.random.default_rng(0)
    data = HeteroData()
    data["product"].x = torch.from_numpy(generator.normal(size=(80, 4)).astype(np.float32))
    data["product"].picture = torch.from_numpy(generator.random((80, 5), np.float32))
    data["product"].picture[::3] = float("nan")
    data["product"].y = torch.arange(80) % 2
    part = torch.from_numpy(generator.integers(0, 3, 80))
    for number, name in enumerate(("train_mask", "val_mask", "test_mask")):
        data["product"][name] = part == number
    data["maker"].num_nodes = 9
    for triple, size in ((("product", "made_by", "maker"), 9), (("product", "like", "product"), 80)):
        ends = [generator.integers(0, count, 200) for count in (80, size)]
        data[triple].edge_index = torch.from_numpy(np.stack(ends))
        data[triple].edge_weight = torch.from_numpy(generator.random(200, np.float32) + 0.5)
        data[triple].edge_attr = torch.from_numpy(generator.normal(5, 3, (200, 2)).astype(np.float32))
    folder = tmp_path_factory.mktemp("graphs") / "shop"
    from_hetero_data(data, modalities={"product": ["x", "picture"]}, name="shop").save(folder)
    return load_graph(folder)


@pytest.mark.parametrize("model", [name for name in MODELS.names() if name != "han"])
def test_with_all_neighbours_it_is_the_whole_graph(near, model):
    run = check_losses(near, model=model)
    check_inference(run, LayerByLayer, 7)
    check_inference(run, ByNeighbourhoods, 50)


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("readout", ["last", "jk"])
def test_so_it_is_for_any_stack_of_layers(near, layers, readout):
    run = check_losses(near, f"model.layers={layers}", f"model.readout={readout}")
    check_inference(run, LayerByLayer, 7)
    check_inference(run, ByNeighbourhoods, 50)


@pytest.mark.parametrize("missing", ["token", "neighbours"])
def test_so_it_is_for_what_stands_for_missing_modalities(near, missing):
    for model in ("hetero_gat", "cross_modal_transformer"):
        run = check_losses(near, f"model.missing={missing}", model=model)
        check_inference(run, ByNeighbourhoods, 7)


@pytest.mark.parametrize("featureless", ["degree", "learned"])
@pytest.mark.parametrize("model", ["hetero_gat", "hetero_transformer", "hetero_conv"])
def test_so_it_is_with_weights_edge_features_and_nodes_without_features(shop, featureless, model):
    overrides = [f"model.featureless={featureless}"]
    if model == "hetero_conv":
        overrides.append("model.options={conv: GATv2Conv}")
    run = check_losses(shop, *overrides, task="product", model=model)
    check_inference(run, LayerByLayer, 7)


@pytest.mark.parametrize("edges", ["none", "shuffled"])
def test_so_it_is_for_the_controls_and_for_numbers(near, edges):
    check_losses(near, f"edges={edges}", task="size")


def test_a_relation_pool_over_all_nodes_is_measured_at_once(graph):
    run = sampled(graph, model="han", batch_size=20)
    (note,) = run.describe()["notes"]
    assert note.startswith("measured on the whole graph at once, since semantic attention")
    last = run.history.set_index("epoch").loc[run.best_epoch]
    assert run.evaluate("validation")["accuracy"] == pytest.approx(last["validation_accuracy"])


def test_so_is_a_convolution_that_weighs_by_degrees_of_neighbours(graph):
    layers = "model.layers=[{name: hetero_conv, conv: {'*': SAGEConv, beside: GCNConv, rev_beside: GCNConv}}]"
    (note,) = sampled(graph, layers).describe()["notes"]
    assert note.endswith("GCNConv looks further than at a node's neighbours")
    assert sampled(graph, layers.replace("GCNConv", "GraphConv")).describe()["notes"] == []


def test_every_entity_is_seen_once_an_epoch(graph, monkeypatch):
    seen = []

    def noted(module, batch, number, taken=TaskModule.training_step):
        seen.append(batch.seeds)
        return taken(module, batch, number)

    monkeypatch.setattr(TaskModule, "training_step", noted)
    run = sampled(graph, "max_epochs=2", batch_size=25)
    rows = run.task.rows("train")
    assert [len(seeds) for seeds in seen] == 2 * [25, 25, len(rows) - 50]
    for epoch in (seen[:3], seen[3:]):
        assert torch.equal(torch.cat(epoch).sort().values, rows)
    assert not torch.equal(seen[0], seen[3])


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_the_same_seed_gives_the_same_weights_whatever_the_threads(graph, quick, threads, tmp_path):
    graph.save(tmp_path / "graph")
    options = {"task": "colour", "batch_size": 16, "fanout": [3, 2]}
    overrides = [*quick, "max_epochs=2", "model.modality_dropout=0.2"]
    one = train(graph, overrides=[*overrides, "batch_threads=0"], **options)
    other = train(tmp_path / "graph", overrides=[*overrides, f"batch_threads={threads}"], **options)
    states = [run.module.state_dict() for run in (one, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    third = train(graph, overrides=overrides, seed=1, **options)
    assert not torch.equal(third.module.head.weight, one.module.head.weight)


def test_progress_tells_of_every_step(graph, capsys):
    run = sampled(graph, "max_epochs=2", batch_size=25, progress=Progress(every=0.0))
    steps = 2 * -(-len(run.task.rows("train")) // 25)
    said = capsys.readouterr().err
    assert all(f"seed 0: {step}/{steps} " in said for step in range(1, steps + 1))
    assert "validation accuracy 0." in said


def test_few_neighbours_learn_a_planted_signal(graph, quick):
    run = train(graph, task="colour", overrides=quick, batch_size=32, fanout=[4, 2])
    assert run.evaluate("test")["accuracy"] > 0.8


def test_a_run_comes_back_and_says_how_it_was_trained(shop, tmp_path):
    run = sampled(shop, task="product", batch_size=16, fanout=[3, 2], out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["batch_size"], record["fanout"]) == (16, [3, 2])
    opened = load_run(tmp_path / "run")
    assert (opened.config.batch_size, opened.config.fanout) == (16, (3, 2))
    assert opened.metrics() == run.metrics() == json.loads((tmp_path / "run/metrics.json").read_text())
    assert np.array_equal(opened.embed("maker")[1], run.embed("maker")[1])
    assert len(run.predictions()) == 80


def test_memory_decides_where_nobody_else_does(graph, monkeypatch, capsys):
    for free, size in ((10**12, 0), (10_000, 1024)):
        monkeypatch.setattr(batching, "free_memory", lambda free=free: free)
        run = train(graph, task="colour", overrides=STILL, progress=Progress())
        said = capsys.readouterr().err
        assert run.config.batch_size == size
        assert f"whole graph takes about 1 MB, and {free / 1e6:,.0f} MB are free" in said
    assert "train on mini-batches of 1,024, fanout 15,10, since" in said
    monkeypatch.setattr(batching, "free_memory", lambda: None)
    assert train(graph, task="colour", overrides=STILL).config.batch_size == 0


def test_the_fanout_follows_from_the_layers(graph):
    assert sampled(graph, "model.num_layers=4", "max_epochs=1").config.fanout == (15, 10, 5, 5)
    assert sampled(graph, "max_epochs=1", model="mlp").config.fanout == ()
    assert train(graph, task="colour", overrides=STILL, fanout=[2, 2]).config.batch_size == 1024
    # Models that are compared may share a fanout that some have fewer layers for.
    assert sampled(graph, "max_epochs=1", "fanout=4,3,2").config.fanout == (4, 3)
    assert sampled(graph, "max_epochs=1", model="mlp", fanout="4,3").config.fanout == ()


def test_a_fanout_by_relation_is_kept_with_the_run(graph, tmp_path, capsys):
    wanted = {"beside": (4, 3), "*": (2, 1)}
    texts = {"out": "beside=4,3,2 *=2,1", "other": {"beside": [4, 3, 2], "*": "2,1"}}
    losses = []
    for name, fanout in texts.items():
        run = sampled(
            graph, "max_epochs=2", batch_size=16, fanout=fanout, out=tmp_path / name, progress=Progress()
        )
        assert "fanout beside=4,3 *=2,1, as the config says" in capsys.readouterr().err
        assert run.config.fanout == load_run(tmp_path / name, graph=graph).config.fanout == wanted
        losses.append(run.history["train_loss"].tolist())
    assert losses[0] == losses[1]
    other = sampled(graph, "max_epochs=2", "fanout={beside: [1, 1], '*': [2, 1]}", batch_size=16)
    assert other.history["train_loss"].tolist() != losses[0]


def test_the_whole_graph_can_be_asked_for_after_a_config_of_samples(graph):
    config = sampled(graph, "max_epochs=1", fanout=[3, 3]).config
    assert train(graph, task="colour", config=config, batch_size=0).config.fanout is None


def test_no_room_for_states_is_one_clear_error(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(RunError, match=r"got no room for the states of .* MB: No such file.*TMPDIR"):
        sampled(graph, "max_epochs=1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fanout": [15]}, r"fanout: got 1 number \(15\); the model has 2 layers.*Give 15,10"),
        ({"fanout": [5, 5], "batch_size": 0}, "fanout: got 5,5, but with batch_size 0 nothing is sampled"),
        ({"fanout": [5, -2]}, r"fanout\[1\]: got -2"),
        ({"fanout": {"beside": [5]}}, r"fanout\['beside'\]: got 1 number \(5\)"),
        ({"fanout": {"besides": [5, 5]}}, r"fanout\['besides'\]: there is no such relation.*beside"),
        ({"fanout": {"of": [5, 5]}}, r"fanout\['of'\]: groups are taken whole"),
        ({"batch_size": -1}, "--batch-size: got -1"),
    ],
)
def test_what_cannot_be_asked_for_is_one_clear_error(graph, arguments, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        train(graph, task="colour", out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_groups_that_nothing_leads_back_to_are_refused(graph):
    kept = tuple(t for t in graph.schema.edge_types if t.name != "rev_of")
    graph = dataclasses.replace(graph, schema=GraphSchema(graph.schema.node_types, kept))
    layers = "model.layers=[cross_modal_transformer, hetero_gat]"
    with pytest.raises(GraphError, match=r"no edges tag -> rev_of -> tag/name.*batch_size: 0"):
        sampled(graph, layers)


@pytest.mark.parametrize(
    ("fanout", "notes"), [([0, 0], ["sampled without neighbours, by the fanout 0,0"]), ([2, 0], [])]
)
def test_samples_without_neighbours_are_noted(graph, quick, fanout, notes):
    run = train(graph, task="colour", overrides=[*quick, "max_epochs=1"], batch_size=16, fanout=fanout)
    assert run.describe()["notes"] == notes
