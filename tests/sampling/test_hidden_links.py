"""What a batch shall predict is not among its edges, in either direction; all else is as it was."""

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader
from torch_geometric.sampler import EdgeSamplerInput
from torch_geometric.transforms import ToUndirected

from mmgraph.errors import ConfigError
from mmgraph.sampling import BatchLoader, Negatives, NeighbourSampler
from tests.sampling.conftest import AA, AB, make_data, sample

REV = ("b", "rev_ab", "a")


@pytest.fixture
def data() -> HeteroData:
    """Some of whose links stand twice."""
    data = make_data()
    data[AB].edge_index = torch.cat([data[AB].edge_index, data[AB].edge_index[:, :40]], 1)
    data[REV].edge_index = data[AB].edge_index.flip(0)
    for triple in (AB, REV, AA):
        data[triple].w = torch.rand(data[triple].num_edges, generator=torch.Generator().manual_seed(1)) + 0.1
    return data


def pairs(batch: HeteroData, triple, index=None) -> list[tuple[int, int]]:
    source, target = batch[triple].edge_index if index is None else index
    ends = batch[triple[0]].n_id[source].tolist(), batch[triple[2]].n_id[target].tolist()
    return list(zip(*ends, strict=True))


def batches(data, triple=AB, fanout=(-1, -1), size=16, **options) -> list[HeteroData]:
    sampler = NeighbourSampler(data, list(fanout), seed=0, **options)
    given = {"edge_label_index": (triple, None), "batch_size": size, "threads": 0}
    return list(BatchLoader(data, sampler, neg_sampling=Negatives("uniform"), **given))


def seeds_of(batch: HeteroData, triple=AB) -> set[tuple[int, int]]:
    return set(pairs(batch, triple, batch[triple].edge_label_index[:, batch[triple].edge_label == 1]))


@pytest.mark.parametrize("weight_attr", [None, "w"])
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("fanout", [(-1, -1), (3, 2)])
def test_links_of_the_batch_and_their_reverses_are_left_out(data, weight_attr, replace, fanout):
    shown = 0
    for batch in batches(data, fanout=fanout, weight_attr=weight_attr, replace=replace):
        seeds = seeds_of(batch)
        assert not seeds & set(pairs(batch, AB))
        assert not {(target, source) for source, target in seeds} & set(pairs(batch, REV))
        for triple in (AB, REV):
            assert torch.equal(
                torch.tensor(pairs(batch, triple)).view(-1, 2).t(),
                data[triple].edge_index[:, batch[triple].e_id],
            )
            shown += batch[triple].num_edges
    assert shown > 1000
    shown = batches(data, fanout=fanout, hide_links=False)
    assert sum(len(seeds_of(batch) & set(pairs(batch, AB))) for batch in shown) > 50


def test_a_target_gets_as_many_other_neighbours_as_there_are(data):
    for batch in batches(data, fanout=(3,)):
        seeds, degree = seeds_of(batch), batch[AB].edge_index[1].bincount(minlength=batch["b"].num_nodes)
        for place in set(batch[AB].edge_label_index[1].tolist()):
            node = int(batch["b"].n_id[place])
            there = data[AB].edge_index[0][data[AB].edge_index[1] == node].tolist()
            assert degree[place] == min(sum((source, node) not in seeds for source in there), 3)


def test_every_other_neighbour_is_as_likely(data):
    degree, count = 30, 3000
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = degree, count
    index = torch.stack([torch.arange(degree).repeat(count), torch.arange(count).repeat_interleave(degree)])
    data[AB].edge_index = index
    for options in ({}, {"replace": True}, {"weight_attr": "w"}):
        data[AB].w = torch.ones(index.shape[1])
        sampler = NeighbourSampler(data, [4], seed=0, **options)
        links = EdgeSamplerInput(None, torch.full((count,), 7), torch.arange(count), input_type=AB)
        out = sampler.sample_from_edges(links)
        found = np.bincount(out.edge[AB].numpy() % degree, minlength=degree)
        assert found[7] == 0
        expected = 4 * count / (degree - 1)
        assert (np.abs(np.delete(found, 7) - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("kept_as", ["one way", "both ways", "with reverses"])
def test_between_nodes_of_one_type_neither_direction_is_seen(data, kept_as):
    reverse = ("a", "rev_aa", "a")
    if kept_as == "both ways":
        data = ToUndirected()(data)
    if kept_as == "with reverses":
        data[reverse].edge_index = data[AA].edge_index.flip(0)

    def given_away(**options) -> int:
        count = 0
        for batch in batches(data, AA, **options):
            seeds = seeds_of(batch, AA)
            for triple in [AA, reverse] if kept_as == "with reverses" else [AA]:
                shown = set(pairs(batch, triple))
                count += len(shown & (seeds | {(target, source) for source, target in seeds}))
        return count

    assert given_away(hide_links=False) > len(data[AA].edge_index[0])
    assert given_away() == 0


def test_a_reverse_may_have_another_name(data):
    data["b", "of", "a"].edge_index = data[REV].edge_index
    del data[REV]
    for reverse in ({AB: ("b", "of", "a")}, {("b", "of", "a"): AB}):
        for batch in batches(data, reverse_types=reverse):
            assert not {(t, s) for s, t in seeds_of(batch)} & set(pairs(batch, ("b", "of", "a")))
    with pytest.raises(ConfigError, match=r"no edge type 'b -> off -> a'. Did you mean"):
        NeighbourSampler(data, [1], reverse_types={AB: ("b", "off", "a")})
    with pytest.raises(ConfigError, match="a -> aa -> a does not lead back along a -> ab -> b"):
        NeighbourSampler(data, [1], reverse_types={AB: AA})


@pytest.mark.parametrize("strategy", ["uniform", "last"])
def test_where_samples_are_disjoint_each_link_hides_itself_alone(data, strategy):
    data[AB].time = data[REV].time = torch.arange(data[AB].num_edges) % 20
    sampler = NeighbourSampler(data, [2, -1], time_attr="time", temporal_strategy=strategy, seed=0)
    index, time = data[AB].edge_index, data[AB].time
    loader = LinkLoader(data, sampler, (AB, index), edge_label_time=time, batch_size=50)
    others = 0
    for batch in loader:
        own = pairs(batch, AB, batch[AB].edge_label_index)
        tree = batch["b"].batch[batch[AB].edge_index[1]].tolist()
        for link, pair in zip(tree, pairs(batch, AB), strict=True):
            assert pair != own[link]
            others += pair in own
        rev_tree = batch["a"].batch[batch[REV].edge_index[1]].tolist()
        assert all(pair[::-1] != own[link] for link, pair in zip(rev_tree, pairs(batch, REV), strict=True))
        assert (time[batch[AB].e_id] <= time[batch[AB].input_id[tree]]).all()
    assert others
    # So that a link's sample does not depend on the rest of the batch.
    alone = sampler.sample_from_edges(EdgeSamplerInput(None, *index[:, 9:10], time=time[9:10], input_type=AB))
    among = sampler.sample_from_edges(EdgeSamplerInput(None, *index[:, :20], time=time[:20], input_type=AB))
    for name in "ab":
        assert alone.node[name].tolist() == among.node[name][among.batch[name] == 9].tolist()


def test_nodes_hide_nothing(data):
    assert sample(NeighbourSampler(data, [-1], seed=0), range(40)).edge[AA].numel() == data[AA].num_edges


def test_where_pyg_lib_samples_links_are_hidden_all_the_same(data, monkeypatch):
    monkeypatch.setattr("torch_geometric.typing.WITH_PYG_LIB", True)
    sampler = NeighbourSampler(data, [-1])
    assert sampler.backend == "pyg_lib"
    # It would sample here if it could hide links.
    sampler._pyg.sample = None
    out = sampler.sample_from_edges(EdgeSamplerInput(None, *data[AB].edge_index[:, :5], input_type=AB))
    found = data[AB].edge_index[:, out.edge[AB]].t().tolist()
    assert found
    assert not [pair for pair in data[AB].edge_index[:, :5].t().tolist() if pair in found]
