"""Links that are not there are not there, and come from where they should."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader
from torch_geometric.sampler import EdgeSamplerInput, NegativeSampling

from mmgraph.errors import ConfigError, GraphError
from mmgraph.sampling import Negatives, NeighbourSampler
from tests.sampling.conftest import AA, AB

STRATEGIES = ["uniform", "degree", "in_batch", "hard"]


def links(data: HeteroData, triple=AB, time=None) -> EdgeSamplerInput:
    source, target = data[triple].edge_index
    return EdgeSamplerInput(None, source, target, time=time, input_type=triple)


def drawn(data, negatives, triple=AB, **options) -> tuple[np.ndarray, np.ndarray, int]:
    """Source and target nodes of all pairs, and how many of them are links."""
    time = options.pop("time", None)
    sampler = NeighbourSampler(data, [1], seed=0, **options)
    out = sampler.sample_from_edges(links(data, triple, time), negatives)
    if negatives.is_triplet():
        _, source, target, opposite, _ = out.metadata
        opposite = opposite.view(source.numel(), -1)
        nodes = out.node[triple[2]][opposite]
        return (
            out.node[triple[0]][source].repeat_interleave(opposite.shape[1]).numpy(),
            nodes.flatten().numpy(),
            0,
        )
    (source, target), label = out.metadata[1], out.metadata[2]
    assert (label[: data[triple].num_edges] == 1).all()
    assert (label[data[triple].num_edges :] == 0).all()
    return out.node[triple[0]][source].numpy(), out.node[triple[2]][target].numpy(), data[triple].num_edges


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("mode", ["binary", "triplet"])
@pytest.mark.parametrize("triple", [AB, AA])
@pytest.mark.parametrize("disjoint", [False, True])
def test_no_drawn_link_is_there(data, strategy, mode, triple, disjoint):
    source, target, first = drawn(data, Negatives(strategy, mode=mode, amount=3), triple, disjoint=disjoint)
    there = set(zip(*data[triple].edge_index.tolist(), strict=True))
    pairs = list(zip(source.tolist(), target.tolist(), strict=True))
    assert pairs[:first] == list(zip(*data[triple].edge_index.tolist(), strict=True))[:first]
    assert len(pairs) - first == 3 * data[triple].num_edges
    assert not set(pairs[first:]) & there
    if triple == AA:
        assert all(s != t for s, t in pairs[first:])
    if mode == "triplet" or strategy in ("in_batch", "hard"):
        own = data[triple].edge_index[0]
        wanted = own.repeat_interleave(3) if mode == "triplet" else own.repeat(3)
        assert source[first:].tolist() == wanted.tolist()


def test_hard_ones_share_a_source_with_the_true_target(data):
    _, target, _ = drawn(data, Negatives("hard", mode="triplet", amount=2))
    index = data[AB].edge_index.numpy()
    near = [set(index[1][np.isin(index[0], index[0][index[1] == true])]) for true in index[1].repeat(2)]
    share = np.mean([node in nodes for node, nodes in zip(target, near, strict=True)])
    everybody = np.mean([len(nodes) / 25 for nodes in near])
    assert share > 0.95 > everybody


def test_in_batch_ones_are_targets_of_the_batch(data):
    data[AB].edge_index = torch.tensor([[0, 1, 2, 3, 3], [4, 9, 17, 4, 9]])
    _, target, _ = drawn(data, Negatives("in_batch", mode="triplet", amount=4))
    assert set(target.tolist()) == {4, 9, 17}


def test_a_batch_of_one_link_gets_any_node(data):
    data[AB].edge_index = torch.tensor([[0], [4]])
    _, target, _ = drawn(data, Negatives("in_batch", mode="triplet", amount=4))
    assert 4 not in target


def test_uniform_and_degree_and_pygs_weights():
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 2000, 5
    # Each source has one target, whose degrees are 1,000, 600, 300, 100 and 0.
    target = torch.arange(4).repeat_interleave(torch.tensor([1000, 600, 300, 100]))
    data[AB].edge_index = torch.stack([torch.arange(2000), target])
    weight = torch.tensor([1.0, 0, 2, 0, 5])
    for negatives, share in (
        (Negatives("uniform", mode="triplet"), np.ones(5)),
        (Negatives("degree", mode="triplet"), np.array([1000, 600, 300, 100, 0]) ** 0.75),
        (NegativeSampling("triplet", dst_weight=weight), weight.numpy()),
    ):
        _, found, _ = drawn(data, negatives)
        expected = np.zeros(5)
        for true, count in enumerate([1000, 600, 300, 100]):
            other = np.where(np.arange(5) == true, 0, share)
            expected += count * other / other.sum()
        observed = np.bincount(found, minlength=5)
        assert (observed[expected == 0] == 0).all()
        assert chisquare(observed[expected > 0], expected[expected > 0]).pvalue > 0.001


def test_the_one_node_that_is_left_is_found_and_none_is_an_error(data):
    everybody = torch.stack([torch.zeros(24, dtype=torch.int64), torch.arange(24)])
    data[AB].edge_index = everybody
    _, target, _ = drawn(data, Negatives("hard", mode="triplet"))
    assert set(target.tolist()) == {24}
    data[AB].edge_index = torch.cat([everybody, torch.tensor([[0], [24]])], 1)
    with pytest.raises(
        GraphError, match=r"a -> ab -> b: 1 node of the type 'a' is linked to every node of .*: 0"
    ):
        drawn(data, Negatives("uniform", mode="triplet"))


def test_all_nodes_that_are_linked_to_everybody_are_named_at_once(data):
    full = [torch.stack([torch.full((25,), node), torch.arange(25)]) for node in (3, 7)]
    data[AB].edge_index = torch.cat([torch.tensor([[0], [1]]), *full], 1)
    sampler = NeighbourSampler(data, [1], seed=0)
    one = EdgeSamplerInput(None, torch.tensor([3]), torch.tensor([0]), input_type=AB)
    with pytest.raises(
        GraphError, match="2 nodes of the type 'a' are linked to every node of the type 'b': 3, 7"
    ):
        sampler.sample_from_edges(one, Negatives("uniform", mode="triplet"))
    # Where sources are drawn as well, those are no hindrance.
    for strategy in ("uniform", "degree"):
        source, _, first = drawn(data, Negatives(strategy, amount=20))
        assert not {3, 7} & set(source[first:].tolist())


def test_what_depends_on_all_links_is_worked_out_once(data):
    sampler = NeighbourSampler(data, [1], seed=0)
    sampler.sample_from_edges(links(data), Negatives("degree"))

    # What is kept is read, so that a batch costs the same in a large graph.
    only_one = {"source": np.cumsum(np.arange(40) == 39.0), "target": np.cumsum(np.arange(25) == 24.0)}
    vars(sampler._relations[AB])["degree_weights"] = only_one
    out = sampler.sample_from_edges(links(data), Negatives("degree"))
    ends = out.metadata[1][:, data[AB].num_edges :]
    assert set(out.node["a"][ends[0]].tolist()) == {39}
    assert set(out.node["b"][ends[1]].tolist()) == {24}


@pytest.mark.parametrize("end", ["source", "target"])
def test_degrees_are_those_at_the_time_of_the_link(end):
    data = HeteroData()
    data["a"].num_nodes = data["b"].num_nodes = 4000
    # Of the first nodes, one has 16 links, one 1, and one 50 that come too late.
    many = torch.arange(67) % 4000
    few = torch.tensor([0] * 16 + [1] + [2] * 50)
    data[AB].edge_index = torch.stack([few, many + 10] if end == "source" else [many + 10, few])
    data[AB].time = torch.tensor([5] * 17 + [9] * 50)
    pairs = torch.stack([torch.arange(1000, 3000)] * 2)
    index = EdgeSamplerInput(None, *pairs, time=torch.full((2000,), 5), input_type=AB)
    sampler = NeighbourSampler(data, [0], time_attr="time", seed=0)
    if end == "source":
        out = sampler.sample_from_edges(index, Negatives("degree"))
        nodes = out.node["a"][out.metadata[1][0]][2000:].numpy()
    else:
        out = sampler.sample_from_edges(index, Negatives("degree", mode="triplet"))
        nodes = out.node["b"][out.metadata[3]].numpy()
    counts = np.bincount(nodes, minlength=4000)
    assert counts[2] == 0
    # 16 and 1 to the power of 3/4.
    assert chisquare(counts[:2], counts[:2].sum() * np.array([8, 1]) / 9).pvalue > 0.001


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nobody_is_drawn_before_its_time(data, strategy):
    data["a"].time, data["b"].time = torch.arange(40), torch.arange(25)
    time = data[AB].edge_index[1] + 3
    source, target, first = drawn(data, Negatives(strategy, amount=2), time=time, time_attr="time")
    assert (target[first:] <= np.tile(time, 2)).all()
    if strategy in ("uniform", "degree"):
        assert (source[first:] <= np.tile(time, 2)).all()


def test_the_true_target_is_never_drawn_though_its_link_was_taken_out(data):
    whole = data[AB].edge_index
    data[AB].edge_index = whole[:, 20:]
    sampler = NeighbourSampler(data, [1], seed=0)
    index = EdgeSamplerInput(None, whole[0, :20], whole[1, :20], input_type=AB)
    for strategy in STRATEGIES:
        out = sampler.sample_from_edges(index, Negatives(strategy, mode="triplet", amount=9))
        assert (out.metadata[2].unsqueeze(1) != out.metadata[3]).all()


def test_pygs_loader_gives_the_same_batches_with_and_without_workers(data):
    def batches(workers: int, mode: str) -> list[HeteroData]:
        sampler = NeighbourSampler(data, [2], disjoint=True, seed=0)
        negatives = Negatives("hard", mode=mode)
        options = {"neg_sampling": negatives, "batch_size": 64, "num_workers": workers}
        return list(LinkLoader(data, sampler, (AB, None), **options))

    for one, other in zip(batches(0, "binary"), batches(2, "binary"), strict=True):
        assert torch.equal(one[AB].edge_label_index, other[AB].edge_label_index)
        assert torch.equal(one["b"].n_id, other["b"].n_id)
        links_of_batch = one["a"].n_id.numel() and int(one["a"].batch.max()) + 1
        assert links_of_batch == one[AB].input_id.numel()
    first = batches(0, "triplet")[0]
    assert first["b"].dst_neg_index.shape == first["a"].src_index.shape == (64,)
    ends = first["a"].batch[first["a"].src_index], first["b"].batch[first["b"].dst_neg_index]
    assert all(torch.equal(one, other) for one, other in pairwise([*ends, torch.arange(64)]))


def test_what_cannot_be_asked_for(data):
    with pytest.raises(ConfigError, match=r"there is no strategy 'hardest'. Did you mean 'hard'"):
        Negatives("hardest")
    sampler = NeighbourSampler(data, [1], seed=0)
    with pytest.raises(GraphError, match="there is no edge type 'a -> x -> b'"):
        sampler.sample_from_edges(
            EdgeSamplerInput(None, torch.tensor([0]), torch.tensor([0]), input_type=("a", "x", "b"))
        )
    data["a"].time = torch.arange(40)
    with pytest.raises(GraphError, match="links have no times"):
        NeighbourSampler(data, [1], time_attr="time").sample_from_edges(links(data))
