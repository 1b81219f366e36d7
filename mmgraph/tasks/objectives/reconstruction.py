"""How far what a model makes of something that it does not see is from what is there.

Shapes: R things, D width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def scaled_cosine_error(made: Tensor, wanted: Tensor, *, gamma: float = 2.0) -> Tensor:
    r"""Return the scaled cosine error of vectors, a mean over them: :math:`(1 - \cos(m, w))^\gamma`.

    The loss of GraphMAE (`Hou et al. 2022 <https://arxiv.org/abs/2205.10803>`_, equation 2). Unlike a squared
    error it does not ask for a length, and a gamma above 1 lets those count less that are nearly right.

    Args:
        made: What a model makes of them, [R, D].
        wanted: What is there, [R, D].
        gamma: At least 1.

    Example:
        >>> import torch
        >>> scaled_cosine_error(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])).item()
        1.0
    """
    return (1 - functional.cosine_similarity(made, wanted, dim=1)).pow(gamma).mean()


def masked_squared_error(made: Tensor, wanted: Tensor, masked: Tensor) -> Tensor:
    """Return the squared error of those values alone that a model did not see, a mean over them.

    As for masked autoencoders (`He et al. 2021 <https://arxiv.org/abs/2111.06377>`_) and masked language
    models (`Devlin et al. 2018 <https://arxiv.org/abs/1810.04805>`_), what is seen is no part of the loss.

    Args:
        made: What a model makes of all values, [R, D].
        wanted: What is there, [R, D].
        masked: Which values it did not see, bool [R, D]; where it saw all, the loss is 0.

    Example:
        >>> import torch
        >>> masked = torch.tensor([[True, False]])
        >>> masked_squared_error(torch.tensor([[3.0, 9.0]]), torch.tensor([[1.0, 0.0]]), masked).item()
        4.0
    """
    errors = functional.mse_loss(made, wanted, reduction="none")
    return (errors * masked).sum() / masked.sum().clamp_min(1)
