"""Late fusion: each modality by itself, then all of an entity's into one."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import require_choice
from mmgraph.layers.pooled_fusion import PooledFusion
from mmgraph.ops import segment_mean, segment_sum
from mmgraph.registry import LAYERS

OWNER = "late_fusion"


@LAYERS.register(OWNER)
class LateFusion(PooledFusion):
    r"""A network per modality; the mean or sum of what they give an entity (Baltrušaitis et al. 2019).

    .. math::
        x_m' = x_m + \mathrm{MLP}_m(\hat x_m); \quad
        x \leftarrow x + \mathrm{aggr}_m\, W_m \hat x_m'; \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm and m the modalities that the entity has. As :math:`W_m` differs by modality,
    the sum is a linear map of all of them concatenated, with zeros for those that are missing. Groups are
    found by the edges named ``of``; no other relation is read.
    See `Baltrušaitis et al. 2019 <https://arxiv.org/abs/1705.09406>`_ on late fusion.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        dropout: Share dropped of what each block adds.
        expansion: Width of the networks in between, in channels.
        aggr: ``mean`` or ``sum``.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text"], [("a/text", "of", "a")])
        >>> layer = LateFusion(metadata, 8)
        >>> x_dict = {"a": torch.randn(3, 8), "a/text": torch.randn(2, 8)}
        >>> layer(x_dict, {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 2]])})["a"].shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        dropout: float = 0.0,
        expansion: int = 2,
        aggr: str = "mean",
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            OWNER, metadata, channels, dropout=dropout, expansion=expansion, norm=norm, targets=targets
        )
        self.aggr = require_choice(OWNER, "aggr", aggr, ("mean", "sum"))

    def combine(self, entity: str, given: dict[str, Tensor], tokens: Tokens) -> Tensor:  # noqa: ARG002
        """Return the mean or sum of what each entity's modality nodes give it, [N, C]."""
        combine = segment_mean if self.aggr == "mean" else segment_sum
        return combine(tokens.gather(given), tokens.entity, tokens.num_entities)
