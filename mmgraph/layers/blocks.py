"""The blocks that layers are made of: a norm and a residual feed-forward network."""

from __future__ import annotations

from torch import Tensor, nn

from mmgraph.layers.dropout import Dropout
from mmgraph.layers.options import require_choice
from mmgraph.layers.row_blocks import row_by_row

NORMS = ("layer", "none")


def make_norm(owner: str, norm: str, channels: int) -> nn.Module:
    """Return the norm of that name: ``layer`` (LayerNorm) or ``none``.

    Raises:
        ConfigError: If there is no such norm.
    """
    require_choice(owner, "norm", norm, NORMS)
    return nn.LayerNorm(channels) if norm == "layer" else nn.Identity()


class FeedForward(nn.Module):
    r"""The residual feed-forward network :math:`x + \mathrm{MLP}(\mathrm{norm}(x))`.

    Args:
        owner: The layer that it serves, for messages.
        channels: Width of x.
        hidden: Width in between.
        dropout: Share dropped in between and of what is added.
        norm: ``layer`` or ``none``.

    Raises:
        ConfigError: If there is no such norm.
    """

    def __init__(self, owner: str, channels: int, hidden: int, dropout: float, norm: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            make_norm(owner, norm, channels),
            nn.Linear(channels, hidden),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(hidden, channels),
            Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, channels] from [N, channels]."""
        return row_by_row(self.body, x, residual=True)
