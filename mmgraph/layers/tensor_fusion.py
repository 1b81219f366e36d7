"""Tensor fusion: every product of the modalities' components, up to all of them at once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.errors import ConfigError
from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import require_positive
from mmgraph.layers.pooled_fusion import PooledFusion
from mmgraph.registry import LAYERS

OWNER = "tensor_fusion"
LARGEST = 2**16
"""The widest fused tensor of one entity that is made."""


@LAYERS.register(OWNER)
class TensorFusion(PooledFusion):
    r"""The outer product of all modalities, each with a 1 before it (Zadeh et al. 2017).

    .. math::
        x_m' &= x_m + \mathrm{MLP}_m(\hat x_m); \quad z_m = W_m \hat x_m' + b_m \\
        x &\leftarrow x + V \, \mathrm{vec}\Bigl(\textstyle\bigotimes_m [1; z_m]\Bigr) + b; \quad
        x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm and :math:`z_m` of the reduced ``width``, the mean over the nodes of a
    sequence. For a modality that an entity lacks :math:`z_m = 0`, which leaves the products of the others;
    an entity without any modality gets nothing. Groups are found by the edges named ``of``; no other
    relation is read. After `Zadeh et al. 2017 <https://arxiv.org/abs/1707.07250>`_. For M modalities the
    product is (width + 1)^M wide; :class:`LowRankFusion` does the same without making it.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        width: Width that each modality is reduced to before the product.
        dropout: Share dropped of what each block adds.
        expansion: Width of the networks in between, in channels.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used, or the product is wider than 65536.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text"], [("a/text", "of", "a")])
        >>> layer = TensorFusion(metadata, 8, width=4)
        >>> x_dict = {"a": torch.randn(3, 8), "a/text": torch.randn(2, 8)}
        >>> layer(x_dict, {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 2]])})["a"].shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        width: int = 8,
        dropout: float = 0.0,
        expansion: int = 2,
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        self.width = require_positive(OWNER, "width", width)
        super().__init__(
            OWNER, metadata, channels, dropout=dropout, expansion=expansion, norm=norm, targets=targets
        )
        self.out = ModuleDict()
        for entity, modalities in self.fused.items():
            self.out[entity] = nn.Linear(_product_width(entity, width, len(modalities)), channels)

    def projected_width(self, num_modalities: int) -> int:  # noqa: ARG002 - the same for any number
        """Return the reduced width."""
        return self.width

    def combine(self, entity: str, given: dict[str, Tensor], tokens: Tokens) -> Tensor:
        """Return the linear map of the outer product of each entity's modalities, [N, C]."""
        pooled, there = tokens.pool(given)
        some = torch.stack(list(there.values())).any(0)
        product = next(iter(pooled.values())).new_ones(tokens.num_entities, 1)
        for name in self.groups[entity]:
            z = pooled.get(name)
            if z is None:
                # No entity at hand has the modality.
                z = product.new_zeros(tokens.num_entities, self.width)
            factor = functional.pad(z, (1, 0), value=1.0)
            product = (product.unsqueeze(2) * factor.unsqueeze(1)).flatten(1)
        result: Tensor = self.out[entity](product) * some.unsqueeze(1)
        return result


def _product_width(entity: str, width: int, num_modalities: int) -> int:
    """Return the width of the outer product.

    Raises:
        ConfigError: If it is too large to be made.
    """
    product: int = (width + 1) ** num_modalities
    if product > LARGEST:
        fits = next((w for w in range(width, 0, -1) if (w + 1) ** num_modalities <= LARGEST), None)
        narrower = f"Set width to at most {fits}, or use" if fits else "Use"
        raise ConfigError(
            f"got a width of {width} for the {num_modalities} modalities of {entity!r}, whose outer product "
            f"is {product} wide; wanted at most {LARGEST}",
            where=f"{OWNER}.width",
            fix=f"{narrower} low_rank_fusion, which does not make the product.",
        )
    return product
