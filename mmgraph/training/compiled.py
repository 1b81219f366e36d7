"""A model's forward pass, compiled by ``torch.compile``, for the steps of a training."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from mmgraph.errors import RunError

_FIX = "Train without --compile (compile: false)."


class CompiledForward:
    """Calls a model's forward pass as ``torch.compile`` makes it.

    It is no module, so that neither the names of weights nor what is measured and saved know of it. The
    kernels of ``mmgraph.ops`` are compiled already and are called between the compiled parts.

    Args:
        model: The model.

    Raises:
        RunError: If torch cannot compile anything here.
    """

    def __init__(self, model: nn.Module) -> None:
        # Of the models that were compiled in this process before, few enough to be in the way of this one.
        torch.compiler.reset()
        try:
            self._forward = torch.compile(model.forward)
        except RuntimeError as error:
            raise _refusal(error) from None

    def __call__(self, *inputs: Any) -> dict[str, Tensor]:
        """Return what the model does of its inputs.

        Raises:
            RunError: If torch cannot compile it.
        """
        try:
            with warnings.catch_warnings():
                # Of what torch itself looks at while it traces; nothing that a user could change.
                warnings.filterwarnings(
                    "ignore", message="The .grad attribute of a Tensor", category=UserWarning
                )
                result: dict[str, Tensor] = self._forward(*inputs)
        except TorchDynamoException as error:
            raise _refusal(error) from None
        return result


def _refusal(error: Exception) -> RunError:
    reason = " ".join(str(error).strip().partition("\n\n")[0].split()).rstrip(".")
    return RunError(f"torch.compile cannot compile the model: {reason}", where="compile", fix=_FIX)
