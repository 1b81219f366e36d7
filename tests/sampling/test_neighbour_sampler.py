"""Samples are what brute force says they must be, and the same ones for the same seed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import HeteroSamplerOutput
from torch_geometric.utils import trim_to_layer

from mmgraph.errors import ConfigError, GraphError, MissingDependencyError
from mmgraph.sampling import NeighbourSampler
from tests.sampling.conftest import AA, AB, BA, check_sample, make_data, sample

FANOUT = {AB: [3, 2], BA: [-1, 2], AA: [4, -1]}


def stars(count: int, degree: int, weight=None) -> HeteroData:
    """So many nodes whose neighbours are the same ones, of which each has so many."""
    data = HeteroData()
    data["a"].num_nodes = count + degree
    sources = torch.arange(count, count + degree).repeat(count)
    data[AA].edge_index = torch.stack([sources, torch.arange(count).repeat_interleave(degree)])
    if weight is not None:
        data[AA].w = torch.as_tensor(weight).repeat(count)
    return data


def picks(count: int, degree: int, fanout: int, *, weight=None, **options) -> np.ndarray:
    """Which of its neighbours each node picks, [count, fanout]."""
    options |= {} if weight is None else {"weight_attr": "w"}
    sampler = NeighbourSampler(stars(count, degree, weight), [fanout], seed=3, **options)
    found = sample(sampler, np.arange(count)).edge[AA].numpy() % degree
    return found.reshape(count, fanout)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("disjoint", [False, True])
def test_edges_counts_and_order(data, replace, disjoint):
    sampler = NeighbourSampler(data, FANOUT, replace=replace, disjoint=disjoint, seed=0)
    # Twice the same seed, a node without edges, and one with a loop.
    out = sample(sampler, [5, 39, 5, 0, 1, 2])
    check_sample(data, out, FANOUT, replace=replace)
    assert out.node["a"][:6].tolist() == [5, 39, 5, 0, 1, 2]
    if not disjoint:
        assert len(set(out.node["b"].tolist())) == out.node["b"].numel()
        assert len(set(out.node["a"].tolist())) == out.node["a"].numel() - 1
        assert out.batch is None


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    sizes=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    edges=st.integers(0, 200),
    fanout=st.lists(st.integers(-1, 5), min_size=1, max_size=3),
    replace=st.booleans(),
    disjoint=st.booleans(),
)
def test_any_graph(seed, sizes, edges, fanout, replace, disjoint):
    sizes = (sizes[0] + 3, sizes[1])
    data = make_data(seed, sizes, edges)
    sampler = NeighbourSampler(data, fanout, replace=replace, disjoint=disjoint, seed=seed)
    out = sample(sampler, np.arange(min(5, sizes[0])))
    check_sample(data, out, dict.fromkeys(data.edge_types, fanout), replace=replace)


def test_all_neighbours_are_the_whole_neighbourhood(data):
    out = sample(NeighbourSampler(data, [-1] * 12, seed=0), [0])
    reached = {("a", 0)}
    for _ in range(12):
        for triple in data.edge_types:
            source, target = data[triple].edge_index.tolist()
            reached |= {
                (triple[0], s) for s, t in zip(source, target, strict=True) if (triple[2], t) in reached
            }
    assert reached == {(name, node) for name in out.node for node in out.node[name].tolist()}


def test_a_large_row_is_sorted_and_without_duplicates():
    sampler = NeighbourSampler(stars(1, 3000), [500], seed=0)
    out = sample(sampler, [0])
    assert out.edge[AA].unique().numel() == 500
    assert out.row[AA].tolist() == list(range(1, 501))


@pytest.mark.parametrize(("degree", "fanout"), [(12, 4), (64, 5), (100, 6)])
@pytest.mark.parametrize("replace", [False, True])
def test_every_neighbour_is_as_likely(degree, fanout, replace):
    found = picks(20000, degree, fanout, replace=replace)
    assert chisquare(np.bincount(found.ravel(), minlength=degree)).pvalue > 0.001


@pytest.mark.parametrize("replace", [False, True])
def test_every_pair_is_as_likely(replace):
    found = np.sort(picks(20000, 6, 2, replace=replace), 1)
    pairs = np.bincount(found[:, 0] * 6 + found[:, 1], minlength=36).reshape(6, 6)
    expected = (
        np.triu(np.full((6, 6), 2 / 36), 1) + np.eye(6) / 36 if replace else np.triu(np.ones((6, 6)), 1) / 15
    )
    here = expected > 0
    assert pairs[~here].sum() == 0
    assert chisquare(pairs[here], 20000 * expected[here]).pvalue > 0.001


def test_weights_are_honoured_with_replacement():
    weight = np.array([0.5, 1, 2, 4, 0.25])
    found = picks(20000, 5, 3, weight=weight, replace=True)
    counts = np.bincount(found.ravel(), minlength=5)
    assert chisquare(counts, 60000 * weight / weight.sum()).pvalue > 0.001


def test_weights_are_honoured_without_replacement():
    weight = np.array([1.0, 2, 3, 6])
    found = np.sort(picks(20000, 4, 2, weight=weight), 1)
    share = weight / weight.sum()
    observed, expected = [], []
    for i in range(4):
        for j in range(i + 1, 4):
            observed.append(((found[:, 0] == i) & (found[:, 1] == j)).sum())
            expected.append(20000 * share[i] * share[j] * (1 / (1 - share[i]) + 1 / (1 - share[j])))
    assert chisquare(observed, expected).pvalue > 0.001


def test_the_second_hop_does_not_follow_from_the_first():
    data = stars(1, 2)
    data[AA].edge_index = torch.cat([data[AA].edge_index, torch.tensor([[0, 2], [1, 1]])], 1)
    sampler = NeighbourSampler(data, [1, 1], seed=0)
    seen = set()
    for epoch in range(60):
        sampler.set_epoch(epoch)
        seen.add(tuple(sample(sampler, [0]).edge[AA].tolist()))
    assert seen == {(0, 2), (0, 3), (1,)}


@pytest.mark.parametrize("of_edges", [False, True])
@pytest.mark.parametrize("strategy", ["uniform", "last"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_nothing_is_later_than_its_seed(data, of_edges, strategy, dtype):
    generator = torch.Generator().manual_seed(0)

    def times(count: int) -> torch.Tensor:
        return torch.randint(-10, 10, (count,), generator=generator).to(dtype)

    for triple in data.edge_types:
        data[triple].time = times(data[triple].num_edges)
    if not of_edges:
        for triple in data.edge_types:
            del data[triple].time
        data["a"].time, data["b"].time = times(40), times(25)
    sampler = NeighbourSampler(data, [3, 2], time_attr="time", temporal_strategy=strategy, seed=0)
    limit = torch.tensor([-20, 3, 0, 20]).to(dtype)
    out = sample(sampler, [1, 2, 3, 2], time=limit)

    def time_of(triple, edge):
        of_source = data[triple[0]].time[data[triple].edge_index[0]] if not of_edges else data[triple].time
        return of_source.numpy()[edge]

    def eligible(triple, edge, tree):
        return time_of(triple, edge) <= limit.numpy()[tree]

    check_sample(data, out, {triple: [3, 2] for triple in data.edge_types}, eligible=eligible)
    assert out.batch["a"][:4].tolist() == [0, 1, 2, 3]
    assert len(out.row[AA]) > 0
    if strategy == "last":
        pointer, edge = out.indptr[AA], out.edge[AA].numpy()
        for place in range(4):
            own = edge[pointer[place] : pointer[place + 1]]
            there = np.flatnonzero(data[AA].edge_index[1].numpy() == [1, 2, 3, 2][place])
            all_times = np.sort(time_of(AA, there[eligible(AA, there, place)]))
            assert np.sort(time_of(AA, own)).tolist() == all_times[max(len(all_times) - 3, 0) :].tolist()


def test_a_seed_sees_its_own_time_by_default(data):
    data["a"].time, data["b"].time = torch.arange(40), torch.arange(25)
    sampler = NeighbourSampler(data, [-1], time_attr="time", seed=0)
    own, given = sample(sampler, [7, 9]), sample(sampler, [7, 9], time=torch.tensor([7.9, 9.0]))
    assert own.node["a"].tolist() == given.node["a"].tolist()
    assert own.node["a"].max() <= 9


@pytest.mark.parametrize("disjoint", [False, True])
def test_pyg_takes_it_with_and_without_workers(data, disjoint):
    def batches(workers: int) -> list[HeteroData]:
        sampler = NeighbourSampler(data, [3, 2], disjoint=disjoint, seed=7)
        nodes = ("a", torch.arange(40))
        return list(NodeLoader(data, sampler, nodes, batch_size=16, num_workers=workers))

    alone, shared = batches(0), batches(2)
    assert len(alone) == len(shared) == 3
    for one, other in zip(alone, shared, strict=True):
        assert one.to_dict().keys() == other.to_dict().keys()
        for name in data.node_types:
            assert torch.equal(one[name].n_id, other[name].n_id)
            assert torch.equal(one[name].x.flatten(), one[name].n_id.float())
        for triple in data.edge_types:
            assert torch.equal(one[triple].edge_index, other[triple].edge_index)
            assert torch.equal(one[triple].e_id, other[triple].e_id)


def test_seed_and_epoch_and_batch_make_a_difference(data):
    def edges(seed: int, epoch: int, nodes: list[int]) -> list[int]:
        sampler = NeighbourSampler(data, [2], seed=seed)
        sampler.set_epoch(epoch)
        out = sample(sampler, nodes)
        return out.edge[AA][: out.indptr[AA][8]].tolist()

    first = list(range(8))
    assert edges(0, 0, first) == edges(0, 0, first)
    different = [edges(0, 0, first), edges(1, 0, first), edges(0, 1, first), edges(0, 0, [*first, 9])]
    assert len(set(map(tuple, different))) == 4


def test_a_disjoint_sample_does_not_depend_on_the_rest_of_the_batch(data):
    sampler = NeighbourSampler(data, [3, 2], disjoint=True, seed=0)
    alone, among = sample(sampler, [6]), sample(sampler, [3, 6, 8])
    for name in data.node_types:
        assert alone.node[name].tolist() == among.node[name][among.batch[name] == 1].tolist()


def test_without_a_seed_torch_decides(data):
    with torch.random.fork_rng():
        seeds = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            seeds.append(NeighbourSampler(data, [1]).seed)
    assert seeds[0] == seeds[1] != seeds[2]


def test_groups_come_along():
    data = HeteroData()
    data["p"].num_nodes, data["p/text"].num_nodes = 6, 5
    of, rev = ("p/text", "of", "p"), ("p", "rev_of", "p/text")
    data[of].edge_index = torch.stack([torch.arange(5), torch.arange(5)])
    data[rev].edge_index = data[of].edge_index
    data["p", "next", "p"].edge_index = torch.tensor([[1, 2, 3, 4, 5], [0, 1, 2, 3, 4]])
    out = sample(NeighbourSampler(data, [1, 1], groups=True, seed=0), [0], "p")
    assert out.node["p"].tolist() == [0, 1, 2]
    assert out.node["p/text"].tolist() == [0, 1, 2]
    assert out.num_sampled_nodes == {"p": [1, 1, 1, 0], "p/text": [0, 1, 1, 1]}
    assert out.col[of].tolist() == [0, 1, 2]
    assert sample(NeighbourSampler(data, [1, 1], seed=0), [0], "p").node["p/text"].tolist() == [0, 1]


def test_what_a_layer_does_not_need_can_be_trimmed(data):
    out = sample(NeighbourSampler(data, [3, 2], seed=0), [0, 1, 2])
    x = {name: node.unsqueeze(1) for name, node in out.node.items()}
    index = {triple: torch.stack([out.row[triple], out.col[triple]]) for triple in data.edge_types}
    x, index, _ = trim_to_layer(1, out.num_sampled_nodes, out.num_sampled_edges, x, index)
    for source, name, target in data.edge_types:
        rest = index[source, name, target]
        assert (rest[0] < len(x[source])).all()
        assert (rest[1] < out.num_sampled_nodes[target][0]).all()
        assert rest.shape[1] == out.num_sampled_edges[source, name, target][0]


def test_a_relation_that_is_not_named_is_not_followed(data):
    out = sample(NeighbourSampler(data, {AA: [2]}, seed=0), [0, 1])
    assert isinstance(out, HeteroSamplerOutput)
    assert out.node["b"].numel() == 0
    assert out.num_sampled_edges[BA] == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_neighbors": [2, -2]}, "num_neighbors: got \\[2, -2\\]; wanted whole numbers of at least -1"),
        ({"num_neighbors": []}, "wanted whole numbers of at least -1"),
        (
            {"num_neighbors": {("a", "aa", "b"): [2]}},
            "there is no such edge type. Did you mean",
        ),
        ({"num_neighbors": {AA: [2], AB: [2, 1]}}, "relations have \\[1, 2\\] hops"),
        ({"temporal_strategy": "first"}, "temporal_strategy: got 'first'"),
        ({"temporal_strategy": "last"}, "it needs times"),
        ({"backend": "dgl"}, "backend: got 'dgl'"),
        ({"weight_attr": "w"}, "weight_attr: no type has 'w'"),
        ({"time_attr": "t"}, "time_attr: no type has 't'"),
        ({"time_attr": "both"}, "node types and edge types have 'both'"),
    ],
)
def test_what_cannot_be_asked_for(data, change, message):
    data["a"].both, data[AA].both = torch.arange(40), torch.arange(154)
    with pytest.raises(ConfigError, match=message):
        NeighbourSampler(data, **{"num_neighbors": [2], **change})


def test_all_faults_of_a_graph_are_reported_together(data):
    data[AA].w = torch.full((154,), -1.0)
    data[AB].w = torch.ones(3)
    data["a"].time = torch.full((40,), float("nan"))
    with pytest.raises(GraphError) as caught:
        NeighbourSampler(data, [2], weight_attr="w", time_attr="time")
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan"), 1e-60])
def test_an_edge_of_no_weight_is_refused_as_everywhere(weight):
    data = stars(1, 3, torch.tensor([1.0, weight, 2], dtype=torch.float64))
    with pytest.raises(GraphError, match=r"\.w: 1 weight is not above 0 or not finite, first .* for edge 1"):
        NeighbourSampler(data, [-1], weight_attr="w")


def test_edges_must_belong_to_the_nodes(data):
    data[AB].edge_index[1, 4] = 99
    with pytest.raises(GraphError, match="names the target node 99; wanted 0 to 24"):
        NeighbourSampler(data, [2])


def test_seeds_must_be_there(data):
    sampler = NeighbourSampler(data, [2])
    with pytest.raises(GraphError, match="names the node 40; wanted 0 to 39"):
        sample(sampler, [1, 40])
    with pytest.raises(GraphError, match="there is no node type 'c'"):
        sample(sampler, [1], "c")
    with pytest.raises(ConfigError, match="the sampler reads none"):
        sample(sampler, [1], time=torch.tensor([1]))
    data["b"].time = torch.arange(25)
    with pytest.raises(GraphError, match="nodes of the type 'a' have no times"):
        sample(NeighbourSampler(data, [2], time_attr="time"), [1])


def test_another_kind_of_graph_is_refused():
    with pytest.raises(ConfigError, match="data: got dict; wanted a Graph, a HeteroData or a Data"):
        NeighbourSampler({"edge_index": torch.tensor([[0], [0]])}, [1])


def test_which_backend(data, monkeypatch):
    monkeypatch.setattr("torch_geometric.typing.WITH_PYG_LIB", False)
    assert NeighbourSampler(data, [1]).backend == "numba"
    with pytest.raises(MissingDependencyError, match="pyg-lib is not installed"):
        NeighbourSampler(data, [1], backend="pyg_lib")
    monkeypatch.setattr("torch_geometric.typing.WITH_PYG_LIB", True)
    assert NeighbourSampler(data, [1]).backend == "pyg_lib"
    assert NeighbourSampler(data, [1], seed=0).backend == "numba"
    with pytest.raises(ConfigError, match="pyg-lib keeps no seed"):
        NeighbourSampler(data, [1], seed=0, backend="pyg_lib")
