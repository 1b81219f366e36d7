"""Bottleneck fusion: modalities exchange what fits through a few shared tokens."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.attention_block import AttentionBlock
from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.buckets import Buckets
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import require_fraction, require_positive
from mmgraph.registry import LAYERS

OWNER = "bottleneck"


@LAYERS.register(OWNER)
class Bottleneck(GroupLayer):
    r"""Attention within each modality and through a few tokens that all of them share (Nagrani et al. 2021).

    .. math::
        [t_m; b_m] &\leftarrow \mathrm{Block}_m([t_m; b]); \quad
        b \leftarrow \mathrm{mean}_m\, b_m \quad \text{(depth times)} \\
        x &\leftarrow x + \mathrm{Attention}(\hat x, \hat b); \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`t_m` the nodes of one modality of an entity, :math:`b` the K bottleneck tokens (learned
    vectors at first, then each entity's own), :math:`\mathrm{Block}` a transformer block (pre-norm, a
    feed-forward network after attention), m the modalities that the entity has, and :math:`x` the entity's
    state, which queries the bottlenecks. A node attends to its own modality and to K tokens, so the cost of
    long sequences does not grow with the number of modalities squared. Bottlenecks carry one modality to
    another from the second block on. Groups are found by the edges named ``of``; no other relation is read.
    After `Nagrani et al. 2021 <https://arxiv.org/abs/2107.00135>`_ (MBT).

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        num_tokens: Number of bottleneck tokens, K.
        depth: Number of blocks for each modality.
        heads: Number of attention heads.
        dropout: Share dropped of the attention weights, and of what each block adds.
        expansion: Width of the feed-forward networks, in channels.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text", "a/image"], [("a/text", "of", "a"), ("a/image", "of", "a")])
        >>> layer = Bottleneck(metadata, 8, heads=2, num_tokens=3)
        >>> x_dict = {"a": torch.randn(2, 8), "a/text": torch.randn(2, 8), "a/image": torch.randn(1, 8)}
        >>> of = {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 1]])}
        >>> of["a/image", "of", "a"] = torch.tensor([[0], [1]])
        >>> {name: tuple(x.shape) for name, x in layer(x_dict, of).items()}
        {'a': (2, 8), 'a/text': (2, 8), 'a/image': (1, 8)}
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        num_tokens: int = 4,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        expansion: int = 2,
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        require_fraction(OWNER, "dropout", dropout)
        self.num_tokens = require_positive(OWNER, "num_tokens", num_tokens)
        self.depth = require_positive(OWNER, "depth", depth)
        hidden = channels * require_positive(OWNER, "expansion", expansion)
        self.start, self.mix, self.decode = ModuleDict(), ModuleDict(), ModuleDict()

        def block(*, cross: bool) -> AttentionBlock:
            return AttentionBlock(OWNER, channels, heads, hidden, dropout, norm, cross=cross)

        for entity, modalities in self.groups.items():
            self.start[entity] = nn.Embedding(num_tokens, channels)
            for name in modalities:
                self.mix[name] = nn.ModuleList(block(cross=False) for _ in range(depth))
            if entity in self.targets:
                self.decode[entity] = block(cross=True)

    def fuse_groups(
        self, entity: str, x: Tensor | None, state: dict[str, Tensor], tokens: Tokens | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the new states; see :class:`GroupLayer`."""
        if tokens is None:
            return (None if x is None else self.decode[entity](x, None, None)), state
        shared = self.start[entity].weight.expand(tokens.num_entities, -1, -1)
        parts = tokens.split(tokens.gather(state))
        rooms = {name: self._room(name, tokens) for name in parts}
        for step in range(self.depth):
            parts, shared = self._exchange(step, parts, shared, tokens, rooms)
        if x is not None:
            x = self._decode(entity, x, shared, tokens)
        return x, tokens.scatter(torch.cat(list(parts.values())), state)

    def _exchange(
        self,
        step: int,
        parts: dict[str, Tensor],
        shared: Tensor,
        tokens: Tokens,
        rooms: dict[str, tuple[Tensor, Buckets]],
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the tokens of each modality, and the bottlenecks [N, K, C], after one more block."""
        new = {}
        total, count = torch.zeros_like(shared), shared.new_zeros(shared.shape[0])
        for name, part in parts.items():
            having, buckets = rooms[name]
            nodes = {name: tokens.node[name], OWNER: _rows_of(having, self.num_tokens)}
            mixed = self.mix[name][step](
                torch.cat([part, shared[having].flatten(0, 1)]),
                None,
                buckets,
                Attended(f"mix_{step}", nodes, nodes),
            )
            new[name] = mixed[: part.shape[0]]
            total = total.index_add(0, having, mixed[part.shape[0] :].view(-1, *shared.shape[1:]))
            count = count.index_add(0, having, torch.ones_like(count[having]))
        return new, total / count.clamp(min=1).view(-1, 1, 1)

    def _room(self, name: str, tokens: Tokens) -> tuple[Tensor, Buckets]:
        """Return the entities that have a modality, and who meets whom among its tokens and bottlenecks.

        The rows are the tokens of the modality, and after them the bottlenecks of these entities.
        """
        meetings = tokens.meetings(name, name)
        assert meetings is not None, "a modality without tokens is not among the tokens"
        having, buckets = meetings
        first = tokens.node[name].numel()
        place = first + torch.arange(having.numel() * self.num_tokens, device=having.device)
        places = place.view(-1, self.num_tokens).split_with_sizes([shape[0] for shape in buckets.shapes])
        rows = [torch.cat([own, added], 1) for (own, _), added in zip(buckets.pairs, places, strict=True)]
        return having, Buckets([(row, row) for row in rows])

    def _decode(self, entity: str, x: Tensor, shared: Tensor, tokens: Tokens) -> Tensor:
        """Return the new states of the entities [N, C]: each asks its bottlenecks [N, K, C]."""
        having = torch.unique(tokens.entity)
        everyone = torch.arange(x.shape[0], device=x.device)
        asked = _rows_of(having, self.num_tokens).view(-1, self.num_tokens)
        buckets = Buckets([(having.unsqueeze(1), asked)])
        nodes = {OWNER: _rows_of(everyone, self.num_tokens)}
        attended = Attended("decode", {entity: everyone}, nodes)
        return self.decode[entity](x, shared.flatten(0, 1), buckets, attended)  # type: ignore[no-any-return]


def _rows_of(entities: Tensor, size: int) -> Tensor:
    """Return where the bottlenecks of some entities stand among those of all, ``size`` each."""
    return (entities.unsqueeze(1) * size + torch.arange(size, device=entities.device)).flatten()
