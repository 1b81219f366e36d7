"""Low-rank fusion: tensor fusion whose weights are of low rank, so that no product tensor is made."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import require_positive
from mmgraph.layers.pooled_fusion import PooledFusion
from mmgraph.registry import LAYERS

OWNER = "low_rank_fusion"


@LAYERS.register(OWNER)
class LowRankFusion(PooledFusion):
    r"""Tensor fusion with weights of low rank: a product of linear maps per modality (Liu et al. 2018).

    .. math::
        x_m' &= x_m + \mathrm{MLP}_m(\hat x_m) \\
        x &\leftarrow x + \sum_{r=1}^R w_r \bigodot_m \bigl(W_m^r [1; \hat x_m']\bigr); \quad
        x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm, the mean over the nodes of a sequence, and :math:`[1; 0]` for a modality that
    an entity lacks, which leaves the products of the others; an entity without any modality gets nothing.
    It is :class:`TensorFusion` with the weights :math:`\sum_r w_r \bigotimes_m W_m^r`, at a cost that grows
    with the number of modalities and not with its power. The constants in :math:`W_m^r` begin at 1, so that
    the product of many modalities does not begin near 0. Groups are found by the edges named ``of``; no
    other relation is read. After `Liu et al. 2018 <https://arxiv.org/abs/1806.00064>`_.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        rank: R.
        dropout: Share dropped of what each block adds.
        expansion: Width of the networks in between, in channels.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text"], [("a/text", "of", "a")])
        >>> layer = LowRankFusion(metadata, 8, rank=2)
        >>> x_dict = {"a": torch.randn(3, 8), "a/text": torch.randn(2, 8)}
        >>> layer(x_dict, {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 2]])})["a"].shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        rank: int = 4,
        dropout: float = 0.0,
        expansion: int = 2,
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        self.rank = require_positive(OWNER, "rank", rank)
        super().__init__(
            OWNER, metadata, channels, dropout=dropout, expansion=expansion, norm=norm, targets=targets
        )
        for project in self.project.values():
            nn.init.ones_(project[1].bias)
        self.out = ModuleDict()
        for entity in self.fused:
            self.out[entity] = nn.Linear(rank, 1, bias=False)

    def projected_width(self, num_modalities: int) -> int:  # noqa: ARG002 - the same for any number
        """Return the width of all ranks together."""
        return self.rank * self.channels

    def combine(self, entity: str, given: dict[str, Tensor], tokens: Tokens) -> Tensor:
        """Return the weighted sum over ranks of the products over modalities, [N, C]."""
        pooled, there = tokens.pool(given)
        some = torch.stack(list(there.values())).any(0).unsqueeze(1)
        product = torch.ones_like(some, dtype=next(iter(pooled.values())).dtype)
        for name in self.groups[entity]:
            factor = self.project[name][1].bias.expand(tokens.num_entities, -1)
            if name in pooled:
                factor = torch.where(there[name].unsqueeze(1), pooled[name], factor)
            product = product * factor
        by_rank = product.view(-1, self.rank, self.channels).transpose(1, 2)
        return self.out[entity](by_rank).squeeze(2) * some  # type: ignore[no-any-return]
