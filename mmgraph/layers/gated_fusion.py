"""Gated fusion: a gate per modality decides how much of it an entity takes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.pooled_fusion import PooledFusion
from mmgraph.registry import LAYERS

OWNER = "gated_fusion"


@LAYERS.register(OWNER)
class GatedFusion(PooledFusion):
    r"""Gated multimodal units: a gate for each modality, which sees all of them (Arevalo et al. 2017).

    .. math::
        x_m' &= x_m + \mathrm{MLP}_m(\hat x_m) \\
        h_m &= \tanh(W_m \hat x_m' + b_m), \quad
        z_m = \sigma\Bigl(\textstyle\sum_k (G_{mk} \hat x_k' + c_{mk})\Bigr) \\
        x &\leftarrow x + \textstyle\sum_m z_m \odot h_m; \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm, and m and k the modalities that the entity has; of a sequence, the mean of
    what its nodes give. The sum over k is the unit's map of all modalities concatenated, with zeros for
    those that are missing. ``attention_weights`` tells the gates, one for each channel. Groups are found by
    the edges named ``of``; no other relation is read.
    After `Arevalo et al. 2017 <https://arxiv.org/abs/1702.01992>`_.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state, C; W_m and all gates' maps of a modality are one [C, C (M + 1)].
        dropout: Share dropped of what each block adds.
        expansion: Width of the networks in between, in channels.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text"], [("a/text", "of", "a")])
        >>> layer = GatedFusion(metadata, 8)
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
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            OWNER, metadata, channels, dropout=dropout, expansion=expansion, norm=norm, targets=targets
        )

    def projected_width(self, num_modalities: int) -> int:
        """Return C for the modality itself and C for its share in each gate."""
        return self.channels * (1 + num_modalities)

    def combine(self, entity: str, given: dict[str, Tensor], tokens: Tokens) -> Tensor:
        """Return the gated sum of each entity's modalities, [N, C]."""
        pooled, _ = tokens.pool(given)
        width = self.channels
        value = {name: torch.tanh(y[:, :width]) for name, y in pooled.items()}
        sizes = [width] * len(self.groups[entity])
        gate = torch.sigmoid(torch.stack([y[:, width:] for y in pooled.values()]).sum(0))
        gates = dict(zip(self.groups[entity], gate.split_with_sizes(sizes, 1), strict=True))
        self._record(entity, gates, tokens)
        return torch.stack([gates[name] * value[name] for name in pooled]).sum(0)

    @staticmethod
    def _record(entity: str, gates: dict[str, Tensor], tokens: Tokens) -> None:
        """Record z_m for every node of every modality, [T, C]; all nodes of a sequence have the same."""
        size, device = tokens.num_entities, tokens.entity.device
        attended = Attended("gate", {entity: torch.arange(size, device=device)}, tokens.node)
        if attended.wanted:
            rows = tokens.entity
            gate = torch.cat([gates[name][own] for name, own in tokens.split(rows).items()])
            attended.keep(rows, torch.arange(rows.numel(), device=device), gate)
