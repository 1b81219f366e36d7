"""What edges of a folder's graph carry is found from both sides, stays in the files, and has its times."""

import json
import mmap
import shutil

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import NodeSamplerInput

from mmgraph.errors import GraphError
from mmgraph.graph import Graph, load_graph
from mmgraph.graph import edges as edges_module
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.sampling import BatchLoader, Negatives, NeighbourSampler
from mmgraph.sampling import adjacency as adjacency_module
from mmgraph.sampling.attributes import Reversed

BUYS, BOUGHT = ("person", "buys", "product"), ("product", "rev_buys", "person")
LIKES = ("person", "likes", "person")


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    """People who buy things at times, with weights and features, and who like each other at no time."""
    generator = np.random.default_rng(0)
    data = HeteroData()
    for name, size in (("person", 50), ("product", 30)):
        data[name].x = torch.from_numpy(generator.random((size, 4), np.float32))
    pairs = generator.permutation(50 * 30)[:400]
    data[BUYS].edge_index = torch.from_numpy(np.stack([pairs // 30, pairs % 30]))
    data[BUYS].edge_weight = torch.from_numpy(generator.random(400, np.float32) + 0.5)
    data[BUYS].edge_attr = torch.from_numpy(generator.random((400, 3), np.float32))
    data[BUYS].time = torch.from_numpy(generator.integers(0, 1000, 400)) + 2**60
    data[LIKES].edge_index = torch.from_numpy(generator.integers(0, 50, (2, 100)))
    folder = tmp_path_factory.mktemp("graphs") / "shop"
    from_hetero_data(data, name="shop").save(folder)
    return load_graph(folder)


def is_mapped(array: np.ndarray) -> bool:
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


@pytest.mark.parametrize("options", [{}, {"weight_attr": "edge_weight"}, {"time_attr": "time"}])
def test_batches_are_what_pyg_makes_of_the_data(graph, options):
    sampler = NeighbourSampler(graph, [3, 3], seed=0, **options)
    time = torch.full((50,), 2**60 + 500) if "time_attr" in options else None
    ours = BatchLoader(graph, sampler, input_nodes="person", input_time=time, batch_size=20)
    theirs = NodeLoader(graph.data, sampler, "person", time, batch_size=20)
    for one, other in zip(ours, theirs, strict=True):
        for triple in (BUYS, BOUGHT):
            assert one[triple].num_edges > 20
            for name in ("edge_weight", "edge_attr", "time"):
                assert torch.equal(one[triple][name], other[triple][name])


def test_a_reverse_relation_copies_nothing_and_is_turned_round_by_nobody(graph, monkeypatch):
    for module in (adjacency_module, edges_module):
        monkeypatch.setattr(module, "transpose", lambda *_, **__: pytest.fail("it is in the folder"))
    graph = load_graph(graph.folder)
    sampler = NeighbourSampler(graph, [2], weight_attr="edge_weight", seed=0)
    loader = BatchLoader(graph, sampler, input_nodes="person", batch_size=10)
    adjacency = sampler.adjacency[BOUGHT]
    for part in (adjacency.weight, adjacency.indptr, adjacency.indices, adjacency.position):
        assert is_mapped(part)
    for name in ("edge_weight", "edge_attr", "time"):
        values = loader._features.edges[name][BOUGHT]
        assert isinstance(values, Reversed)
        assert is_mapped(values.values)
    # Where edges carry nothing, nothing is kept to find it.
    assert sampler.adjacency["person", "rev_likes", "person"].position is None


def test_weights_of_a_reverse_relation_are_honoured(graph):
    count = 3000
    sampler = NeighbourSampler(graph, {BOUGHT: [1]}, weight_attr="edge_weight", disjoint=True, seed=0)
    found = []
    for epoch in range(count):
        at = sampler.at_epoch(epoch)
        out = at.sample_from_nodes(NodeSamplerInput(None, torch.tensor([7]), None, "person"))
        found.extend(out.edge[BOUGHT].tolist())
    edges = np.flatnonzero(graph.edge_index[BOUGHT][1] == 7)
    weight = graph.edge_weight[BOUGHT][edges].astype(float)
    expected = count * weight / weight.sum()
    counts = np.array([found.count(edge) for edge in edges])
    assert counts.sum() == count
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("strategy", ["uniform", "last"])
def test_times_of_the_folder_are_kept_to(graph, strategy):
    sampler = NeighbourSampler(graph, [4, 4], time_attr="time", temporal_strategy=strategy, seed=0)
    limit = 2**60 + torch.arange(50) * 20
    seen = 0
    for batch in BatchLoader(graph, sampler, input_nodes="person", input_time=limit, batch_size=20):
        for triple in (BUYS, BOUGHT):
            tree = batch[triple[2]].batch[batch[triple].edge_index[1]]
            assert (batch[triple].time <= batch["person"].seed_time[tree]).all()
            times = torch.from_numpy(graph.edge_time[triple])
            assert torch.equal(times[batch[triple].e_id], batch[triple].time)
            seen += batch[triple].num_edges
        # What has no times is followed at any time.
        assert batch[LIKES].num_edges > 0
    assert seen > 100


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("strategy", ["uniform", "degree", "in_batch", "hard"])
@pytest.mark.parametrize("mode", ["binary", "triplet"])
@pytest.mark.parametrize("time_attr", [None, "time"])
def test_links_of_a_folder(graph, groups, strategy, mode, time_attr):
    sampler = NeighbourSampler(graph, [3, 2], groups=groups, time_attr=time_attr, seed=0)
    time = torch.from_numpy(graph.edge_time[BUYS]) if time_attr else None
    loader = BatchLoader(
        graph,
        sampler,
        edge_label_index=BUYS,
        input_time=time,
        neg_sampling=Negatives(strategy, mode=mode),
        batch_size=100,
    )
    there = set(zip(*graph.edge_index[BUYS].tolist(), strict=True))
    for batch in loader:
        people, products = batch["person"].n_id, batch["product"].n_id
        if mode == "triplet":
            drawn = people[batch["person"].src_index], products[batch["product"].dst_neg_index]
            own = people[batch["person"].src_index], products[batch["product"].dst_pos_index]
        else:
            source, target = batch[BUYS].edge_label_index
            drawn = people[source[100:]], products[target[100:]]
            own = people[source[:100]], products[target[:100]]
        assert len(drawn[0]) == 100
        assert not set(zip(*(part.tolist() for part in drawn), strict=True)) & there
        if time_attr is None:
            source, target = batch[BUYS].edge_index
            shown = set(zip(people[source].tolist(), products[target].tolist(), strict=True))
            assert not shown & set(zip(*(part.tolist() for part in own), strict=True))
        if groups:
            assert batch["person"].num_nodes == batch["person/x"].num_nodes > 0


def test_a_folder_of_an_earlier_version_has_the_same_batches(graph, tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(graph.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in [name for name in manifest["files"] if "/by_source_" in name]:
        (folder / name).unlink()
        del manifest["files"][name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    one, other = (
        next(iter(BatchLoader(g, NeighbourSampler(g, [3, 3], seed=0), input_nodes="product", batch_size=20)))
        for g in (graph, load_graph(folder))
    )
    assert one[BOUGHT].num_edges > 20
    for triple in (BUYS, BOUGHT):
        assert torch.equal(one[triple].edge_index, other[triple].edge_index)
        assert torch.equal(one[triple].edge_weight, other[triple].edge_weight)


@pytest.mark.parametrize(
    ("part", "numbers", "problem"),
    [
        ("indptr", [1, 0], "do not rise from 0 to the end"),
        ("indices", [30], "names nodes that are not there"),
        ("position", [400], "names edges that are not there"),
    ],
)
def test_a_damaged_reverse_relation_is_refused(graph, tmp_path, part, numbers, problem):
    folder = tmp_path / "shop"
    shutil.copytree(graph.folder, folder)
    path = folder / f"edges/person--buys--product/by_source_{part}.npy"
    array = np.load(path)
    array[: len(numbers)] = numbers
    np.save(path, array)
    with pytest.raises(GraphError, match=f"by_source_{part}.npy: is damaged: .*{problem}"):
        load_graph(folder).edges[BUYS].by_source(50, 30, positions=True)
