"""Where PyG can sample by itself, its samples come in the same order as ours."""

import pytest
import torch
import torch_geometric.typing
from torch_geometric.loader import NodeLoader

from mmgraph.sampling import NeighbourSampler
from tests.sampling.conftest import make_data

pytestmark = [
    pytest.mark.skipif(
        not (torch_geometric.typing.WITH_PYG_LIB or torch_geometric.typing.WITH_TORCH_SPARSE),
        reason="neither pyg-lib nor torch-sparse is installed",
    ),
    pytest.mark.filterwarnings("ignore:Using 'NeighborSampler' without"),
]


def test_samples_of_pyg_are_sorted_and_valid(monkeypatch):
    # torch-sparse is asked through the same call of PyG.
    monkeypatch.setattr("mmgraph.sampling.pyg_backend.pyg_lib_is_installed", lambda: True)
    data = make_data()
    sampler = NeighbourSampler(data, [3, -1])
    assert sampler.backend == "pyg_lib"
    for batch in NodeLoader(data, sampler, ("a", torch.arange(40)), batch_size=16):
        for triple in data.edge_types:
            source, target = batch[triple].edge_index
            pairs = torch.stack([batch[triple[0]].n_id[source], batch[triple[2]].n_id[target]])
            assert torch.equal(pairs, data[triple].edge_index[:, batch[triple].e_id])
            rank = target * (batch[triple[0]].num_nodes + 1) + source
            assert (rank.diff() >= 0).all()
        assert batch["a", "aa", "a"].num_edges > 0
