"""A pre-trained model that is trained as a part of a graph model.

Shapes: N items, B of them at a time, D channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmgraph.encoders.trainable import TrainableEncoder
from mmgraph.errors import ConfigError, DataError, MissingDependencyError


class FineTuned(nn.Module):
    """Makes features of what an encoder's model reads, and has weights that are trained.

    Before the first step they are the features of the frozen encoder. Items pass some at a time, the longest
    texts first; where there are several such parts, a training step computes each anew for its gradient, so
    that it needs the memory of one (Chen et al. 2016, `Training Deep Nets with Sublinear Memory Cost
    <https://arxiv.org/abs/1604.06174>`_).

    The state of the module is what is trained, and what tells that the rest is as it was: the other weights
    are those of the model's folder.

    Args:
        encoder: The fitted encoder.
        example: What its model reads of one item, [1, ...].
        lora_rank: The rank of low-rank changes of all linear maps (`Hu et al. 2022
            <https://arxiv.org/abs/2106.09685>`_), which alone are trained; 0 to train the model itself.
        lora_alpha: These changes are multiplied by it and divided by the rank.
        batch_size: How many items pass at a time.

    Raises:
        DataError: If the model cannot be found or loaded.
        MissingDependencyError: If peft is needed and not installed.
    """

    shift: Tensor
    factor: Tensor
    origin: Tensor

    def __init__(
        self,
        encoder: TrainableEncoder,
        example: Tensor,
        *,
        lora_rank: int = 0,
        lora_alpha: int = 16,
        batch_size: int = 32,
    ) -> None:
        super().__init__()
        network = encoder.network().eval().requires_grad_(True)
        used = _used(network, example)
        if lora_rank:
            network = _with_lora(network, used, lora_rank, lora_alpha)
        else:
            for name, weight in network.named_parameters():
                weight.requires_grad_(name in used)
        # As any new module is.
        self.network, self._batch_size = network.train(), batch_size
        scale = encoder.fitted
        self.register_buffer("shift", torch.from_numpy(scale.shift).float(), persistent=False)
        self.register_buffer("factor", torch.from_numpy(scale.factor).float(), persistent=False)
        content = torch.frombuffer(bytearray.fromhex(encoder.content()), dtype=torch.uint8)
        self.register_buffer("origin", content.clone())
        self._where = f"{type(encoder).__name__}: model"
        # Noted now: whoever holds the whole model fast, for a probe, changes nothing about what is kept.
        self._trained = {f"network.{n}" for n, weight in network.named_parameters() if weight.requires_grad}

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, x: Tensor) -> Tensor:
        """Return features, float32 [N, D].

        Args:
            x: What the model reads, [N, ...]; or features that this module has made before, float32 [N, D],
                which are returned as they are.
        """
        if x.is_floating_point() or not len(x):
            return x if len(x) else x.new_zeros((0, len(self.shift)), dtype=torch.float32)
        order = None
        if x.dim() == 2:
            order = torch.argsort((x >= 0).sum(dim=1), descending=True, stable=True)
            x = x[order]
        parts = torch.split(x, self._batch_size)
        anew = self.training and torch.is_grad_enabled() and len(parts) > 1
        made = [
            checkpoint(self.network, part, use_reentrant=False) if anew else self.network(part)
            for part in parts
        ]
        vectors = (torch.cat(made).float() - self.shift) * self.factor
        return vectors if order is None else vectors[torch.argsort(order)]

    @property
    def trained(self) -> list[nn.Parameter]:
        """The weights that are trained."""
        return [weight for name, weight in self.named_parameters() if name in self._trained]

    def state_dict(  # type: ignore[override]
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Return what is trained, and what else changes in a training; see :class:`torch.nn.Module`."""
        state: dict[str, Any] = super().state_dict(
            destination=destination, prefix=prefix, keep_vars=keep_vars
        )
        for name in self._others():
            state.pop(f"{prefix}{name}", None)
        return state

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        """Take over a state, in which the weights that are not trained are not; see torch's.

        Raises:
            DataError: If it was trained from another model than the one at hand.
        """
        origin = state_dict.get(f"{prefix}origin")
        if origin is not None and not torch.equal(origin.cpu(), self.origin.cpu()):
            raise DataError(
                "the files of the pre-trained model are others than when it was fine-tuned",
                where=self._where,
                fix="Put the model back that was there, or train anew.",
            )
        state_dict.update({f"{prefix}{name}": weight for name, weight in self._others().items()})
        super()._load_from_state_dict(state_dict, prefix, *more)

    def _others(self) -> dict[str, Tensor]:
        """Return the weights that are not trained, and second names of those that are."""
        every = self.named_parameters(remove_duplicate=False)
        return {name: weight.detach() for name, weight in every if name not in self._trained}


def _used(network: nn.Module, example: Tensor) -> frozenset[str]:
    """Return the names of the weights that vectors depend on: a pooler that nobody reads gets no gradient."""
    names, weights = zip(*network.named_parameters(), strict=True)
    with torch.enable_grad():
        gradients = torch.autograd.grad(network(example).sum(), weights, allow_unused=True)
    return frozenset(n for n, gradient in zip(names, gradients, strict=True) if gradient is not None)


def _with_lora(network: nn.Module, used: frozenset[str], rank: int, alpha: int) -> nn.Module:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingDependencyError(
            f"needs peft, which cannot be loaded: {error}",
            where="trainable: lora",
            fix="Install it: pip install 'mmgraph[lora]', or set trainable to true",
        ) from None
    from transformers.pytorch_utils import Conv1D

    # Not the kind of map in torch's own attention, which reads its weights and never calls it.
    linear = [
        name
        for name, part in network.named_modules()
        if type(part) in (nn.Linear, Conv1D) and f"{name}.weight" in used
    ]
    if not linear:
        raise ConfigError(
            "the model has no linear map that low-rank changes could change",
            where="trainable: lora",
            fix="Set trainable to true, or take a model with layers of attention.",
        )
    # GPT-2 holds its maps transposed, and peft only warns if it is not told.
    turned = any(isinstance(part, Conv1D) for part in network.modules())
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=linear, fan_in_fan_out=turned
    )
    changed: nn.Module = inject_adapter_in_model(config, network)
    return changed
