"""A step that processes share says nothing, whether or not all weights take part in it."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmgraph.training.shared_step import SharedStep


@pytest.fixture
def one_process(tmp_path, monkeypatch):
    """Make this process a group of its own."""
    monkeypatch.setenv("LOCAL_RANK", "0")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class TwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.other = nn.Linear(2, 1), nn.Linear(2, 1)
        self.register_buffer("target", torch.ones(1))
        self._ddp_params_and_buffers_to_ignore = ["target"]

    def forward(self, x, *, both):
        return self.used(x) + (self.other(x) if both else 0)


@pytest.mark.usefixtures("one_process")
def test_weights_may_take_part_or_not_and_torch_advises_nothing(capfd):
    strategy = SharedStep(cluster_environment=TorchElasticEnvironment())
    strategy.parallel_devices = [torch.device("cpu")]
    module = TwoParts()
    shared = strategy._setup_model(module)
    assert shared.parameters_to_ignore == {"module.target"}
    shared(torch.ones(3, 2), both=True).sum().backward()
    assert module.other.weight.grad.tolist() == [[3.0, 3.0]]
    module.zero_grad()
    shared(torch.ones(3, 2), both=False).sum().backward()
    assert module.used.weight.grad.tolist() == [[3.0, 3.0]]
    # As in one process: a weight that took no part is left as it is, and not decayed.
    assert module.other.weight.grad is None
    assert "idle" not in " ".join(module.state_dict())
    assert capfd.readouterr().err == ""
    # Once torch no longer advises it here, the idle weight has nothing to do.
    plain = DistributedDataParallel(TwoParts(), find_unused_parameters=True)
    plain(torch.ones(3, 2), both=True).sum().backward()
    assert "did not find any unused parameters" in capfd.readouterr().err
