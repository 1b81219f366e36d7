"""Co-attention: each modality of an entity weighs the others into itself, pair by pair."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from itertools import combinations, permutations

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.blocks import FeedForward, make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import head_width, require_choice, require_fraction, require_positive
from mmgraph.ops import segment_softmax, segment_sum
from mmgraph.registry import LAYERS

OWNER = "co_attention"
ORDERS = ("parallel", "alternating")


@LAYERS.register(OWNER)
class CoAttention(GroupLayer):
    r"""Gated co-attention across every pair of modalities of an entity, and their fusion (Lu et al. 2016).

    .. math::
        s_{ij} &= s_{ji} = (P_{ab} \hat x_i) \cdot (P_{ba} \hat x_j) / \sqrt{D} \\
        c_i &= \Vert_h \sum_j \alpha_{ij}^h V_{ab}^h \hat x_j, \quad
        \alpha_{ij} = e^{s_{ij}} / \bigl(1 + \textstyle\sum_{j'} e^{s_{ij'}}\bigr) \\
        x_i &\leftarrow x_i + \sigma(G_a [\hat x_i, c_i]) \odot c_i; \quad
        x_i \leftarrow x_i + \mathrm{FF}_a(\hat x_i) \\
        x &\leftarrow x + \Vert_h \sum_i \beta_i^h U_a^h \hat x_i, \quad
        \beta_i = \mathrm{softmax}_i(u_a \cdot \tanh(T_a \hat x_i)); \quad
        x \leftarrow x + \mathrm{FF}(\hat x)

    for a node i of modality a, the nodes j of all other modalities b of its entity, and the entity's state
    x. Each pair of modalities has projections of its own, and one affinity for both directions, unlike in a
    transformer. The 1 in the softmax stands for the modality itself, so that a single partner, too, can be
    weighed low. ``parallel``: all modalities look at each other's old states. ``alternating``: they take
    turns, in the order of the metadata, and each looks at the new states of those before it. Groups are
    found by the edges named ``of``; no other relation is read. After
    `Lu et al. 2016 <https://arxiv.org/abs/1606.00061>`_ (parallel and alternating co-attention, attended
    pooling).

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share dropped of what each block adds.
        expansion: Width of the feed-forward networks, in channels.
        norm: ``layer`` or ``none``.
        order: ``parallel`` or ``alternating``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text", "a/image"], [("a/text", "of", "a"), ("a/image", "of", "a")])
        >>> layer = CoAttention(metadata, 8, heads=2)
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
        heads: int = 4,
        dropout: float = 0.0,
        expansion: int = 2,
        norm: str = "layer",
        order: str = "parallel",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        require_fraction(OWNER, "dropout", dropout)
        head_width(OWNER, channels, heads)
        hidden = channels * require_positive(OWNER, "expansion", expansion)
        self.alternating = require_choice(OWNER, "order", order, ORDERS) == "alternating"
        self.mix, self.fuse = ModuleDict(), ModuleDict()
        for entity, modalities in self.groups.items():
            self.mix[entity] = _Mix(modalities, channels, heads, hidden, dropout, norm)
            if entity in self.targets:
                self.fuse[entity] = _Fuse(modalities, channels, heads, hidden, dropout, norm)

    def fuse_groups(
        self, entity: str, x: Tensor | None, state: dict[str, Tensor], tokens: Tokens | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the new states; see :class:`GroupLayer`."""
        turns = [[name] for name in state] if self.alternating else [list(state)]
        for names in turns:
            state = self.mix[entity](state, tokens, names)
        if x is not None:
            x = self.fuse[entity](entity, x, state, tokens)
        return x, state


class _Mix(nn.Module):
    """Gives each modality of an entity type its share of the others."""

    def __init__(
        self, modalities: list[str], channels: int, heads: int, hidden: int, dropout: float, norm: str
    ) -> None:
        super().__init__()
        self.modalities = modalities
        self.shape = (2, heads, channels // heads)
        self.norm, self.show, self.gate, self.feed_forward = (ModuleDict() for _ in range(4))
        for name in modalities:
            self.feed_forward[name] = FeedForward(OWNER, channels, hidden, dropout, norm)
            if len(modalities) > 1:
                self.norm[name] = make_norm(OWNER, norm, channels)
                self.gate[name] = nn.Linear(2 * channels, channels)
        for pair in permutations(modalities, 2):
            # What the first of a pair shows to the second: its side of the affinity, and its value.
            self.show[pair] = nn.Linear(channels, 2 * channels, bias=False)
        self.dropout = Dropout(dropout)

    def forward(
        self, state: dict[str, Tensor], tokens: Tokens | None, names: Collection[str]
    ) -> dict[str, Tensor]:
        """Return the states of the modality nodes, new ones for those that are named."""
        if tokens is not None and len(tokens.node) > 1:
            normed = {name: self.norm[name](state[name])[node] for name, node in tokens.node.items()}
            context = tokens.split(self._context(normed, tokens, names))
            gated = [torch.sigmoid(self.gate[m](torch.cat([x, context[m]], 1))) for m, x in normed.items()]
            update = torch.cat(gated) * torch.cat(list(context.values()))
            state = tokens.scatter(tokens.gather(state) + self.dropout(update), state)
        return {name: self.feed_forward[name](x) if name in names else x for name, x in state.items()}

    def _context(self, normed: dict[str, Tensor], tokens: Tokens, names: Collection[str]) -> Tensor:
        """Return what the tokens of named modalities gather from their partners, [T, C]; 0 for others."""
        position = tokens.split(torch.arange(tokens.entity.numel(), device=tokens.entity.device))
        logits, values, receivers, partners = [], [], [], []
        for one, other in combinations(normed, 2):
            if one not in names and other not in names:
                continue
            left, right = tokens.pairs(one, other)
            left_key, left_value = self.show[one, other](normed[one]).view(-1, *self.shape)[left].unbind(1)
            right_key, right_value = (
                self.show[other, one](normed[other]).view(-1, *self.shape)[right].unbind(1)
            )
            affinity = (left_key * right_key).sum(-1) / math.sqrt(self.shape[-1])
            places = position[one][left], position[other][right]
            if one in names:
                logits.append(affinity)
                values.append(right_value)
                receivers.append(places[0])
                partners.append(places[1])
            if other in names:
                logits.append(affinity)
                values.append(left_value)
                receivers.append(places[1])
                partners.append(places[0])
        if not logits:
            return torch.zeros_like(torch.cat(list(normed.values())))
        receiver, total = torch.cat(receivers), tokens.entity.numel()
        weight = segment_softmax(torch.cat(logits), receiver, total, sentinel=True)
        Attended("mix", tokens.node, tokens.node).keep(receiver, torch.cat(partners), weight)
        return segment_sum((weight.unsqueeze(-1) * torch.cat(values)).flatten(1), receiver, total)


class _Fuse(nn.Module):
    """Gives an entity the attention-weighted sum of its modalities."""

    def __init__(
        self, modalities: list[str], channels: int, heads: int, hidden: int, dropout: float, norm: str
    ) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.value, self.score = ModuleDict(), ModuleDict(), ModuleDict()
        for name in modalities:
            self.norm[name] = make_norm(OWNER, norm, channels)
            self.value[name] = nn.Linear(channels, channels)
            self.score[name] = nn.Sequential(
                nn.Linear(channels, channels), nn.Tanh(), nn.Linear(channels, heads)
            )
        self.dropout = Dropout(dropout)
        self.feed_forward = FeedForward(OWNER, channels, hidden, dropout, norm)

    def forward(self, entity: str, x: Tensor, state: dict[str, Tensor], tokens: Tokens | None) -> Tensor:
        """Return the new states of the entities [N, C]."""
        if tokens is not None:
            normed = {name: self.norm[name](state[name]) for name in tokens.node}
            score = tokens.gather({name: self.score[name](y) for name, y in normed.items()})
            value = tokens.gather({name: self.value[name](y) for name, y in normed.items()})
            weight = segment_softmax(score, tokens.entity, tokens.num_entities)
            attended = Attended("fuse", {entity: torch.arange(x.shape[0], device=x.device)}, tokens.node)
            attended.keep(tokens.entity, torch.arange(score.shape[0], device=x.device), weight)
            weighted = (weight.unsqueeze(-1) * value.view(value.shape[0], self.heads, -1)).flatten(1)
            x = x + self.dropout(segment_sum(weighted, tokens.entity, tokens.num_entities))
        return self.feed_forward(x)  # type: ignore[no-any-return]
