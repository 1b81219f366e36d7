"""Fusion of plain padded tensors, one for each modality, by the same layers that work on graphs.

Shapes: B samples, L_m tokens of a modality, C channels.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmgraph.errors import GraphError
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.groups import OF
from mmgraph.layers.layer import Triple
from mmgraph.layers.options import require_choice, require_positive
from mmgraph.registry import LAYERS

OWNER = "MultimodalTransformer"
ENTITY = "sample"


class MultimodalTransformer(nn.Module):
    """Fuses one ``[B, L_m, d_model]`` tensor for each modality into one state for each sample.

    Every sample becomes an entity, and every token that is not padding a modality node of it; the layers are
    those that ``layers:`` names in a model of a graph. Tokens have no order by themselves: add positions to
    the inputs where order matters. By default the layers are cross-modal transformers, after
    `Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_; with ``layer="mult"`` they are those of
    `Tsai et al. 2019 <https://arxiv.org/abs/1906.00295>`_.

    Args:
        num_modalities: Number of modalities.
        d_model: Width of all states; ``nhead`` divides it.
        nhead: Number of attention heads.
        num_layers: Number of layers.
        dropout: Share dropped of the attention weights, and of what each block adds.
        layer: A registered layer over groups that has heads: ``cross_modal_transformer``, ``co_attention``,
            ``bottleneck`` or ``mult``.

    Raises:
        ConfigError: If an option has a value that cannot be used.
        UnknownNameError: If there is no layer of that name.

    Example:
        >>> import torch
        >>> model = MultimodalTransformer(num_modalities=2, d_model=16, nhead=4, num_layers=2)
        >>> text, image = torch.randn(3, 5, 16), torch.randn(3, 7, 16)
        >>> padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2, [True] * 5])
        >>> fused, states = model([text, image], [padding, None])
        >>> fused.shape, [tuple(state.shape) for state in states]
        (torch.Size([3, 16]), [(3, 5, 16), (3, 7, 16)])
    """

    def __init__(
        self,
        num_modalities: int,
        d_model: int,
        nhead: int,
        num_layers: int,
        *,
        dropout: float = 0.0,
        layer: str = "cross_modal_transformer",
    ) -> None:
        super().__init__()
        require_positive(OWNER, "num_layers", num_layers)
        self.modalities = [
            f"{ENTITY}/{number}"
            for number in range(require_positive(OWNER, "num_modalities", num_modalities))
        ]
        self.channels = require_positive(OWNER, "d_model", d_model)
        kind = LAYERS.get(layer, where=f"{OWNER}.layer")
        require_choice(OWNER, "layer", layer, _with_heads())
        metadata = ([ENTITY, *self.modalities], [(name, OF, ENTITY) for name in self.modalities])
        self.layers = nn.ModuleList(
            kind(metadata, d_model, heads=nhead, dropout=dropout) for _ in range(num_layers)
        )
        self.start = nn.Parameter(torch.randn(d_model))
        self.fused_norm, self.state_norm = nn.LayerNorm(d_model), nn.LayerNorm(d_model)

    def forward(
        self, inputs: Sequence[Tensor | None], key_padding_masks: Sequence[Tensor | None] | None = None
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return the fused states and those of each modality.

        Args:
            inputs: [B, L_m, C] for each modality; None for one that no sample has.
            key_padding_masks: For each modality bool [B, L_m], True for padding as in torch, or None for no
                padding. A sample whose tokens are all padding lacks the modality.

        Returns:
            The fused states [B, C], and for each modality its tokens' states [B, L_m, C], 0 where there is
            padding; None for a modality that was None.

        Raises:
            GraphError: If the number, the shape or the type of the inputs is not as said.
        """
        masks = [None] * len(inputs) if key_padding_masks is None else list(key_padding_masks)
        self._check(inputs, masks)
        x_dict: dict[str, Tensor] = {}
        edges: dict[Triple, Tensor] = {}
        kept: dict[str, Tensor] = {}
        for name, x, mask in zip(self.modalities, inputs, masks, strict=True):
            if x is None:
                continue
            kept[name] = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else ~mask
            sample = kept[name].nonzero()[:, 0]
            edges[name, OF, ENTITY] = torch.stack([torch.arange(len(sample), device=x.device), sample])
            x_dict[name] = x[kept[name]]
        batch = next(iter(kept.values())).shape[0]
        x_dict[ENTITY] = self.start.expand(batch, -1)
        for layer in self.layers:
            x_dict = layer(x_dict, edges)
        states = [self._padded(x_dict[m], kept[m]) if m in kept else None for m in self.modalities]
        return self.fused_norm(x_dict[ENTITY]), states

    def _padded(self, x: Tensor, kept: Tensor) -> Tensor:
        """Return normed states [B, L, C] from those of the tokens that are kept [T, C]; 0 for the others."""
        padded = x.new_zeros(*kept.shape, self.channels)
        return padded.masked_scatter(kept.unsqueeze(2), self.state_norm(x))

    def _check(self, inputs: Sequence[Tensor | None], masks: Sequence[Tensor | None]) -> None:
        """Make sure that inputs and masks fit each other and the model.

        Raises:
            GraphError: If not.
        """
        count = len(self.modalities)
        for name, given in (("inputs", inputs), ("key_padding_masks", masks)):
            if len(given) != count:
                raise GraphError(
                    f"got {len(given)}; wanted {count}, one for each modality",
                    where=f"{OWNER}: {name}",
                    fix="Put None in the place of what is not there.",
                )
        if all(x is None for x in inputs):
            raise GraphError(
                "got None for every modality; wanted one tensor at least",
                where=f"{OWNER}: inputs",
                fix="Leave samples out that have no modality.",
            )
        batch = next(x.shape[0] for x in inputs if x is not None)
        for number, (x, mask) in enumerate(zip(inputs, masks, strict=True)):
            if x is not None and (x.dim() != 3 or x.shape[0] != batch or x.shape[2] != self.channels):
                raise GraphError(
                    f"got shape {tuple(x.shape)}; wanted ({batch}, L, {self.channels})",
                    where=f"{OWNER}: inputs[{number}]",
                )
            if mask is not None and (x is None or mask.dtype != torch.bool or mask.shape != x.shape[:2]):
                raise GraphError(
                    f"got a mask of {mask.dtype} and shape {tuple(mask.shape)}; wanted torch.bool and "
                    f"{'none, as there is no tensor' if x is None else tuple(x.shape[:2])}",
                    where=f"{OWNER}: key_padding_masks[{number}]",
                    fix="True stands for padding.",
                )


def _with_heads() -> list[str]:
    """Return the names of the registered layers over groups that have attention heads."""
    return [
        name
        for name, kind in LAYERS.items()
        if issubclass(kind, GroupLayer) and "heads" in inspect.signature(kind).parameters
    ]
