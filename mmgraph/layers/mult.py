"""MulT: each modality of an entity asks each other one in a transformer of their own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.attention_block import AttentionBlock, decode
from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.blocks import make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import require_fraction, require_positive
from mmgraph.registry import LAYERS

OWNER = "mult"


@LAYERS.register(OWNER)
class MulT(GroupLayer):
    r"""Directional pairwise transformers: each modality asks each other one (Tsai et al. 2019).

    .. math::
        z_{b \to a} &\leftarrow \mathrm{Block}_{b \to a}(z_{b \to a}, t_b) \quad
        \text{(depth times, from } z_{b \to a} = t_a) \\
        t_a &\leftarrow t_a + \textstyle\sum_b W_{b \to a} \hat z_{b \to a}; \quad
        t_a \leftarrow \mathrm{Block}_a(t_a) \\
        x &\leftarrow x + \mathrm{Attention}(\hat x, \hat t); \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`t_a` the nodes of one modality of an entity, b the other modalities that it has,
    :math:`\mathrm{Block}(q, t)` a transformer block (pre-norm, a feed-forward network after attention) whose
    queries are q and whose keys and values always come from the modality as it was, and :math:`x` the
    entity's state, which queries all of its modalities. The sum over b is the linear map of all
    :math:`z_{b \to a}` concatenated, with zeros for modalities that are missing. Sequences may differ in
    length and need not be aligned; positions, where they matter, belong into the features. Groups are found
    by the edges named ``of``; no other relation is read.
    After `Tsai et al. 2019 <https://arxiv.org/abs/1906.00295>`_ (MulT).

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        depth: Number of blocks for each directed pair of modalities.
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
        >>> layer = MulT(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(2, 8), "a/text": torch.randn(3, 8), "a/image": torch.randn(1, 8)}
        >>> of = {("a/text", "of", "a"): torch.tensor([[0, 1, 2], [0, 0, 1]])}
        >>> of["a/image", "of", "a"] = torch.tensor([[0], [0]])
        >>> {name: tuple(x.shape) for name, x in layer(x_dict, of).items()}
        {'a': (2, 8), 'a/text': (3, 8), 'a/image': (1, 8)}
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        depth: int = 1,
        heads: int = 4,
        dropout: float = 0.0,
        expansion: int = 2,
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        require_fraction(OWNER, "dropout", dropout)
        require_positive(OWNER, "depth", depth)
        hidden = channels * require_positive(OWNER, "expansion", expansion)
        self.cross, self.join, self.within, self.decode = (ModuleDict() for _ in range(4))

        def block(*, cross: bool) -> AttentionBlock:
            return AttentionBlock(OWNER, channels, heads, hidden, dropout, norm, cross=cross)

        for entity, modalities in self.groups.items():
            # A modality that is no target is made all the same where its entity, which reads it, is one.
            made = modalities if entity in self.targets else [m for m in modalities if m in self.targets]
            for name in made:
                self.within[name] = block(cross=False)
            for other, own in permutations(modalities, 2):
                if own in made:
                    self.cross[other, own] = nn.ModuleList(block(cross=True) for _ in range(depth))
                    linear = nn.Linear(channels, channels)
                    self.join[other, own] = nn.Sequential(make_norm(OWNER, norm, channels), linear)
            if entity in self.targets:
                self.decode[entity] = block(cross=True)
        self.dropout = Dropout(dropout)

    def fuse_groups(
        self, entity: str, x: Tensor | None, state: dict[str, Tensor], tokens: Tokens | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the new states; see :class:`GroupLayer`."""
        values = None
        if tokens is not None:
            parts = tokens.split(tokens.gather(state))
            asking = [name for name in parts if name in self.within]
            new = parts | {name: self._ask(name, parts, tokens) for name in asking}
            values = torch.cat(list(new.values()))
            state = tokens.scatter(values, state)
        if x is not None:
            x = decode(self.decode[entity], entity, x, values, tokens)
        return x, state

    def _ask(self, own: str, parts: dict[str, Tensor], tokens: Tokens) -> Tensor:
        """Return the new states of the tokens of one modality, from those of all."""
        x = old = parts[own]
        for other in parts:
            met = None if other == own else tokens.meetings(own, other)
            if met is None:
                continue
            z, asked = old, met[1]
            for step, block in enumerate(self.cross[other, own]):
                attended = Attended(f"cross_{step}", {own: tokens.node[own]}, {other: tokens.node[other]})
                z = block(z, parts[other], asked, attended)
            added = self.dropout(self.join[other, own](z[asked.asking]))
            x = x.index_add(0, asked.asking, added.to(x.dtype))
        members, nodes = tokens.meetings(own, own), {own: tokens.node[own]}
        buckets = None if members is None else members[1]
        return self.within[own](x, None, buckets, Attended("within", nodes, nodes))  # type: ignore[no-any-return]
