"""What `layers.py` measures of fusion over groups: mmgraph's layers and padded attention with a mask."""

from __future__ import annotations

from collections.abc import Callable

import torch
from layer_cases import SHRINK, Case, Goal, Step
from torch import Tensor, nn

from mmgraph.layers import Bottleneck, CrossModalTransformer, MulT
from mmgraph.layers.group_attention import GroupAttention
from mmgraph.layers.groups import Tokens

ENTITIES, MODALITIES, MISSING, CHANNELS, HEADS = 4096, 4, 0.3, 256, 4

NAMES = [f"e/{number}" for number in range(MODALITIES)]
OF = [(name, "of", "e") for name in NAMES]
METADATA = (["e", *NAMES], OF)


def feed_forward() -> nn.Module:
    """Return the feed-forward network of our layers, without the sum."""
    return nn.Sequential(
        nn.LayerNorm(CHANNELS),
        nn.Linear(CHANNELS, 2 * CHANNELS),
        nn.GELU(),
        nn.Linear(2 * CHANNELS, CHANNELS),
    )


def padded_attention(
    attention: nn.MultiheadAttention, queries: Tensor, tokens: Tensor, absent: Tensor
) -> Tensor:
    """Return attention [B, K, C] on those of the tokens [B, M, C] that are not absent, bool [B, M]."""
    out: Tensor = attention(queries, tokens, tokens, key_padding_mask=absent, need_weights=False)[0]
    return out


class PaddedTransformer(nn.Module):
    """The cross-modal transformer from torch's own attention: the same blocks, a zero for what is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.ModuleList(feed_forward() for _ in NAMES)
        self.mix, self.decode = (nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True) for _ in range(2))
        self.token_norm, self.query_norm, self.asked_norm = (nn.LayerNorm(CHANNELS) for _ in range(3))
        self.mix_feed_forward, self.decode_feed_forward = feed_forward(), feed_forward()

    def forward(self, x: Tensor, states: list[Tensor], absent: Tensor) -> tuple[Tensor, Tensor]:
        """Return new entities [B, C] and modalities [B, M, C]."""
        encoded = [y + encode(y) for y, encode in zip(states, self.encode, strict=True)]
        tokens = torch.stack(encoded, 1)
        normed = self.token_norm(tokens)
        tokens = tokens + padded_attention(self.mix, normed, normed, absent)
        tokens = tokens + self.mix_feed_forward(tokens)
        asked = self.asked_norm(tokens)
        x = x + padded_attention(self.decode, self.query_norm(x).unsqueeze(1), asked, absent).squeeze(1)
        return x + self.decode_feed_forward(x), tokens


def which_are_there(size: str) -> Tensor:
    """Return which entity has which modality, bool [B, M]; each has one at least, as padding wants it."""
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    there = torch.rand(ENTITIES // SHRINK[size], MODALITIES, generator=generator)
    present = there >= MISSING
    present[~present.any(1), 0] = True
    return present


def states_of(present: Tensor) -> tuple[dict[str, Tensor], dict[tuple[str, str, str], Tensor]]:
    """Return random states and the ``of`` edges of what is there."""
    x_dict = {"e": torch.randn(present.shape[0], CHANNELS, requires_grad=True)}
    edges = {}
    for column, triple in enumerate(OF):
        having = present[:, column].nonzero().flatten()
        x_dict[triple[0]] = torch.randn(having.numel(), CHANNELS, requires_grad=True)
        edges[triple] = torch.stack([torch.arange(having.numel()), having])
    return x_dict, edges


def step_of(run: Callable[[], list[Tensor]], leaves: list[Tensor]) -> Step:
    """Return a step that asks for the gradients of all leaves."""

    def step() -> None:
        out = run()
        torch.autograd.grad(out, leaves, [torch.ones_like(y) for y in out], allow_unused=True)

    return step


def padded_step(present: Tensor) -> Step:
    """Return a step of the padded transformer."""
    model = PaddedTransformer()
    x = torch.randn(present.shape[0], CHANNELS, requires_grad=True)
    states = [torch.randn(present.shape[0], CHANNELS, requires_grad=True) for _ in NAMES]
    return step_of(lambda: list(model(x, states, ~present)), [x, *states, *model.parameters()])


def layer_step(layer: nn.Module, present: Tensor, *, modality_dropout: float = 0.0) -> Step:
    """Return a step of a layer of ours, with edges that are new in each step if modalities are dropped."""
    x_dict, edges = states_of(present)
    leaves = [*x_dict.values(), *layer.parameters()]
    generator = torch.Generator(torch.get_default_device()).manual_seed(1)

    def run() -> list[Tensor]:
        now = edges
        if modality_dropout:
            now = {
                triple: index[:, torch.rand(index.shape[1], generator=generator) >= modality_dropout]
                for triple, index in edges.items()
            }
        return list(layer(x_dict, now).values())

    return step_of(run, leaves)


def transformers(size: str) -> dict[str, Callable[[], Step]]:
    """Return the cross-modal transformer, with the same groups in each step and with new ones; its peer."""
    torch.manual_seed(0)
    present = which_are_there(size)

    def mmgraph() -> Step:
        return layer_step(CrossModalTransformer(METADATA, CHANNELS, heads=HEADS), present)

    def new_groups() -> Step:
        layer = CrossModalTransformer(METADATA, CHANNELS, heads=HEADS)
        return layer_step(layer, present, modality_dropout=1e-3)

    return {"mmgraph": mmgraph, "padded": lambda: padded_step(present), "new groups": new_groups}


def bare_attention(size: str) -> dict[str, Callable[[], Step]]:
    """Return self-attention alone, ours and torch's."""
    torch.manual_seed(0)
    present = which_are_there(size)

    def mmgraph() -> Step:
        attention = GroupAttention("benchmark", CHANNELS, HEADS, 0.0)
        tokens = Tokens({"e": torch.arange(int(present.sum()))}, present.nonzero()[:, 0], present.shape[0])
        x = torch.randn(int(present.sum()), CHANNELS, requires_grad=True)
        return step_of(lambda: [attention(x, x, tokens.within)], [x, *attention.parameters()])

    def padded() -> Step:
        attention = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)
        x = torch.randn(*present.shape, CHANNELS, requires_grad=True)
        return step_of(lambda: [padded_attention(attention, x, x, ~present)], [x, *attention.parameters()])

    return {"mmgraph": mmgraph, "padded": padded}


def fusions(size: str) -> dict[str, Callable[[], Step]]:
    """Return the layers of ours that attend within groups."""
    torch.manual_seed(0)
    present = which_are_there(size)
    kinds = {"cross_modal": CrossModalTransformer, "bottleneck": Bottleneck, "mult": MulT}
    return {
        name: lambda kind=kind: layer_step(kind(METADATA, CHANNELS, heads=HEADS), present)
        for name, kind in kinds.items()
    }


def _of_padded(ratio: float) -> Goal:
    return Goal("time", "padded", "mmgraph", at_least=ratio)


GROUP_CASES = [
    Case(
        "cross-modal transformer, 4,096 entities, 4 modalities, 30% missing",
        transformers,
        (_of_padded(1.8), Goal("time", "new groups", "mmgraph", at_most=1.1)),
        memory=("mmgraph", "padded"),
    ),
    Case("attention within the same groups alone", bare_attention, (_of_padded(1.8),), memory=()),
    Case("fusion layers on the same groups", fusions, (), memory=()),
]
