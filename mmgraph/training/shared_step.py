"""How several processes make a step together: the gradients of all are averaged by torch's DDP."""

from __future__ import annotations

from typing import Any

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class SharedStep(DDPStrategy):
    """Lightning's strategy for DDP, where a sample may lack the relations that some weights are for.

    Args:
        cluster_environment: How the processes find each other.
    """

    def __init__(self, *, cluster_environment: ClusterEnvironment) -> None:
        super().__init__(cluster_environment=cluster_environment, find_unused_parameters=True)

    def _setup_model(self, model: nn.Module) -> DistributedDataParallel:
        return super()._setup_model(_WithIdleWeight(model))


class _WithIdleWeight(nn.Module):
    """A module beside a weight that takes no part, which neither the optimiser nor a checkpoint knows.

    A step in which all weights take part makes torch's DDP advise, in each process, not to look for those
    that take none. The next sample may need it, and the advice comes from C++, where no filter of Python's
    holds it back. Next to an idle weight it is never given.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.idle = nn.Parameter(torch.zeros(1, device=next(module.parameters()).device))
        ignored = getattr(module, "_ddp_params_and_buffers_to_ignore", ())
        self._ddp_params_and_buffers_to_ignore = [f"module.{name}" for name in ignored]

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return what the module does."""
        return self.module(*inputs, **options)
