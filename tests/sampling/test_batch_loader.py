"""Batches are whole, in order, and the same whoever makes them; a folder's arrays stay where they are."""

import mmap
import time

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import Graph, load_graph
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.sampling import BatchLoader, Negatives, NeighbourSampler
from mmgraph.sampling import batch_loader as batch_loader_module
from mmgraph.sampling import features as features_module
from mmgraph.sampling.adjacency import adjacency_of_graph
from mmgraph.sampling.copied_rows import copy_rows
from mmgraph.sampling.file_rows import read_rows
from tests.sampling.conftest import AB


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    """A graph in a folder: products with pictures, some missing, and weighted and unweighted relations."""
    generator = np.random.default_rng(0)
    data = HeteroData()
    data["product"].picture = torch.from_numpy(generator.random((60, 4), np.float32))
    data["product"].picture[::7] = float("nan")
    data["maker"].num_nodes = 9
    for triple, sizes in (
        (("product", "made_by", "maker"), (60, 9)),
        (("product", "like", "product"), (60, 60)),
    ):
        ends = [generator.integers(0, size, 150) for size in sizes]
        data[triple].edge_index = torch.from_numpy(np.stack(ends))
        data[triple].edge_weight = torch.from_numpy(generator.random(150, np.float32) + 0.5)
    folder = tmp_path_factory.mktemp("graphs") / "shop"
    from_hetero_data(data, modalities={"product": ["picture"]}, name="shop").save(folder)
    return load_graph(folder)


def batches(data, sampler, **options) -> list[HeteroData]:
    return list(
        BatchLoader(data, sampler, input_nodes=("product", torch.arange(60)), batch_size=25, **options)
    )


@pytest.mark.parametrize("stored", [True, False])
def test_a_batch_of_a_graph_is_what_pyg_makes_of_its_data(graph, stored):
    if not stored:
        # A control, which no folder holds.
        graph = graph.shuffled(0)
    sampler = NeighbourSampler(graph, [3, 2], weight_attr="edge_weight", seed=0)
    of_pyg = NodeLoader(graph.data, sampler, ("product", torch.arange(60)), batch_size=25)
    for ours, theirs in zip(batches(graph, sampler), of_pyg, strict=True):
        assert ours.metadata() == theirs.metadata()
        for store in [*ours.node_stores, *ours.edge_stores]:
            other = theirs[store._key]
            assert set(store.keys()) - {"num_nodes"} == set(other.keys()) - {"num_nodes"}
            for key, value in other.items():
                same = (
                    torch.equal(store[key], value) if isinstance(value, torch.Tensor) else store[key] == value
                )
                assert same, (store._key, key)


def test_edges_of_a_folder_are_mapped_and_reverse_ones_are_right(graph):
    for edge_type in graph.schema.edge_types:
        adjacency = adjacency_of_graph(graph, edge_type.triple)
        pairs = np.stack(
            [adjacency.indices, np.repeat(np.arange(adjacency.num_target), np.diff(adjacency.indptr))]
        )
        assert (pairs == graph.edge_index[edge_type.triple]).all()
        if edge_type.weighted:
            weight = (
                adjacency.weight if adjacency.weight_at is None else adjacency.weight[adjacency.weight_at]
            )
            assert (weight == graph.edge_weight[edge_type.triple]).all()
        base = adjacency.indices
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base, mmap.mmap)


def test_views_of_a_folder_are_mapped_too(graph):
    view = graph.without(relations=["like"])
    assert len(view.schema.edge_types) < len(graph.schema.edge_types)
    for edge_type in view.schema.edge_types:
        if edge_type.reverse_of is None:
            base = adjacency_of_graph(view, edge_type.triple).indices
            while isinstance(base, np.ndarray):
                base = base.base
            assert isinstance(base, mmap.mmap)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_threads_change_nothing(graph, threads):
    def ids(threads: int) -> list[list[int]]:
        sampler = NeighbourSampler(graph, [3, 2], seed=0)
        found = batches(graph, sampler, threads=threads, shuffle=True)
        return [batch["product"].n_id.tolist() for batch in found]

    assert ids(threads) == ids(2)


def test_each_epoch_has_an_order_of_its_own_and_can_be_had_again(graph):
    loader = BatchLoader(
        graph,
        NeighbourSampler(graph, [1], seed=0),
        input_nodes=("product", torch.arange(60)),
        batch_size=25,
        shuffle=True,
        drop_last=True,
    )

    def epoch() -> list[list[int]]:
        return [batch["product"].n_id[:25].tolist() for batch in loader]

    first, second = epoch(), epoch()
    assert len(loader) == len(first) == 2
    assert first != second
    loader.set_epoch(0)
    assert epoch() == first
    assert len({node for batch in first for node in batch}) == 50


@pytest.mark.parametrize("threads", [0, 2])
def test_a_loader_goes_on_where_another_one_was(graph, threads):
    def loader():
        sampler = NeighbourSampler(graph, [2], seed=0)
        rows = ("product", torch.arange(60))
        return BatchLoader(graph, sampler, input_nodes=rows, batch_size=25, shuffle=True, threads=threads)

    def seeds(batches):
        return [batch["product"].n_id.tolist() for batch in batches]

    first = loader()
    assert first.state_dict() == {"epoch": 0, "batch": 0}
    whole = [seeds(first), seeds(first)]
    assert first.state_dict() == {"epoch": 2, "batch": 0}
    for epoch, number in ((0, 1), (1, 0), (1, 2)):
        left = loader()
        left.set_epoch(epoch)
        batches = iter(left)
        for _ in range(number + 1):
            next(batches)
        # The one in use was not used up.
        assert left.state_dict() == {"epoch": epoch, "batch": number}
        resumed = loader()
        resumed.load_state_dict(left.state_dict())
        assert resumed.state_dict() == left.state_dict()
        assert seeds(resumed) == whole[epoch][number:]
        assert resumed.state_dict() == {"epoch": epoch + 1, "batch": 0}


@pytest.mark.parametrize("threads", [0, 2])
def test_an_iteration_has_its_own_epoch_whoever_else_uses_the_sampler(graph, threads):
    def loaders():
        sampler = NeighbourSampler(graph, [2, 2], seed=0)
        options = {"input_nodes": ("product", torch.arange(60)), "batch_size": 5, "threads": threads}
        return BatchLoader(graph, sampler, shuffle=True, **options), BatchLoader(graph, sampler, **options)

    def seen(batch: HeteroData) -> list[int]:
        return batch["product"].n_id.tolist()

    first, _ = loaders()
    epochs = [[seen(batch) for batch in first] for _ in range(2)]
    train, validation = loaders()
    list(train)
    second = []
    for number, batch in enumerate(train):
        second.append(seen(batch))
        if number == 3:
            list(validation)
            train.sampler.set_epoch(9)
    assert second == epochs[1]
    # Two iterations of one loader at a time.
    both, _ = loaders()
    one, two = iter(both), iter(both)
    together = [(seen(a), seen(b)) for a, b in zip(one, two, strict=True)]
    assert [list(epoch) for epoch in zip(*together, strict=True)] == epochs


def test_links_and_a_transform(data):
    def mark(batch: HeteroData) -> HeteroData:
        batch.marked = True
        return batch

    loader = BatchLoader(
        data,
        NeighbourSampler(data, [2], seed=0),
        edge_label_index=(AB, data[AB].edge_index),
        neg_sampling=Negatives("degree"),
        batch_size=100,
        transform=mark,
    )
    found = list(loader)
    assert [batch[AB].edge_label.numel() for batch in found] == [200, 100]
    assert all(batch.marked for batch in found)
    assert torch.equal(found[0]["b"].x.flatten(), found[0]["b"].n_id.float())


def test_rows_of_large_files_are_read(graph, monkeypatch, tmp_path):
    monkeypatch.setattr(features_module, "_MAPPED", 1)
    sampler = NeighbourSampler(graph, [2], weight_attr="edge_weight", seed=0)
    read = batches(graph, sampler)
    monkeypatch.undo()
    for one, other in zip(
        read, batches(graph, NeighbourSampler(graph, [2], weight_attr="edge_weight", seed=0)), strict=True
    ):
        for key, by_type in (("x", one.node_types), ("edge_weight", one.edge_types)):
            for kind in by_type:
                if key in other[kind]:
                    assert torch.equal(one[kind][key], other[kind][key])
    # A file that has lost its end since.
    file = tmp_path / "x.npy"
    np.save(file, np.ones((50, 3)))
    values = np.load(file, mmap_mode="c")
    with file.open("r+b") as opened:
        opened.truncate(300)
    with pytest.raises(GraphError, match=r"x\.npy: its row 40 cannot be read"):
        read_rows(values, np.array([0, 40]), np.empty((2, 3)))
    file.unlink()
    with pytest.raises(GraphError, match="cannot be read: No such file"):
        read_rows(values, np.array([0]), np.empty((1, 3)))


@pytest.mark.parametrize("shape", [(50,), (50, 3), (50, 2, 5), (50, 700), (50, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool"])
def test_rows_are_copied_as_numpy_copies_them(shape, dtype):
    values = (np.random.default_rng(0).random(shape) * 9).astype(dtype)
    for rows in (np.array([49, 0, 7, 7]), np.arange(30), np.array([-1, 50, 10**9]), np.zeros(0, np.int64)):
        result = np.zeros((rows.size, *shape[1:]), dtype)
        copy_rows(values, rows, result)
        assert np.array_equal(result, np.take(values, rows, axis=0, mode="clip"))
    values.flags.writeable = False
    result = np.zeros((1, *shape[1:]), dtype)
    copy_rows(values, np.array([3]), result)
    assert np.array_equal(result, values[[3]])


def test_many_rows_are_read_by_several_threads(tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.random.default_rng(0).random((3_000, 3)))
    values = np.load(file, mmap_mode="c")
    rows = np.random.default_rng(1).integers(0, 3_000, 5_000)
    result = np.empty((5_000, 3))
    read_rows(values, rows, result)
    assert np.array_equal(result, values[rows])
    # The first of the rows that are not there is named, whichever thread meets one first.
    rows %= 2_990
    rows[[2_600, 4_990]] = 2_999, 2_998
    with file.open("r+b") as opened:
        opened.truncate(128 + 2_998 * 24)
    with pytest.raises(GraphError, match=r"its row 2999 cannot be read"):
        read_rows(values, rows, result)


@pytest.mark.parametrize(("most", "made"), [(1, 2), (1 << 30, 5)])
def test_few_large_batches_are_made_ahead(graph, monkeypatch, most, made):
    monkeypatch.setattr(batch_loader_module, "_MOST_BYTES", most)
    count = 0

    def counted(batch: HeteroData) -> HeteroData:
        nonlocal count
        count += 1
        return batch

    sampler = NeighbourSampler(graph, [2], seed=0)
    options = {"input_nodes": ("product", torch.arange(60)), "batch_size": 3, "transform": counted}
    loader = BatchLoader(graph, sampler, **options, threads=1, ahead=4)
    for used, _ in enumerate(loader, start=1):
        # The one that is used, and those behind it; the last ones are all there.
        deadline = time.monotonic() + 5
        while (expected := min(used - 1 + made, 20)) > count and used > 1 and time.monotonic() < deadline:
            time.sleep(0.001)
        if used > 1:
            time.sleep(0.02)
            assert count == expected
    assert count == 20


def test_an_error_in_a_thread_is_raised_and_a_loop_can_be_left(graph):
    sampler = NeighbourSampler(graph, [1], seed=0)
    loader = BatchLoader(graph, sampler, input_nodes=("product", torch.tensor([0, 1, 60])), batch_size=2)
    with pytest.raises(Exception, match="names the node 60"):
        list(loader)
    for batch in BatchLoader(graph, sampler, input_nodes=("product", torch.arange(60)), batch_size=2):
        assert batch["product"].batch_size == 2
        break


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_nodes": None}, "wanted nodes or links"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"threads": -1}, "threads: got -1"),
    ],
)
def test_what_cannot_be_asked_for(graph, change, message):
    arguments = {"input_nodes": ("product", torch.arange(3)), "batch_size": 2, **change}
    with pytest.raises(ConfigError, match=message):
        BatchLoader(graph, NeighbourSampler(graph, [1], seed=0), **arguments)


def test_processes_share_each_batch(graph):
    sampler = NeighbourSampler(graph, [-1], seed=0)
    whole = batches(graph, sampler, shuffle=True)
    parts = [
        batches(graph, sampler.with_neighbors([-1]), shuffle=True, share=lambda x, r=r: x.tensor_split(20)[r])
        for r in range(20)
    ]
    for number, batch in enumerate(whole):
        seeds = [of[number]["product"].n_id[: of[number]["product"].batch_size] for of in parts]
        assert torch.equal(torch.cat(seeds), batch["product"].n_id[: batch["product"].batch_size])
    # The last batch has ten nodes for twenty processes, some of which get none.
    assert [of[2]["product"].batch_size for of in parts] == [1] * 10 + [0] * 10
