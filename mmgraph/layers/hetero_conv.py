"""Any convolution of PyG over every relation of a heterogeneous graph."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.layers.convolve import EDGE_WIDTH, conv_takes, convolve, looks_further
from mmgraph.layers.edge_features import read_edge_channels
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.options import head_width
from mmgraph.layers.relational_layer import RelationalLayer, RelationEdges, stack_by_target
from mmgraph.ops import plan_edges
from mmgraph.registry import LAYERS

ConvFactory: TypeAlias = Callable[..., nn.Module]
"""Makes a convolution, called as the convolutions of PyG are: width or widths in, width out, options."""

ConvChoice: TypeAlias = str | ConvFactory | Mapping[Any, Any]
"""A convolution's name, or what makes it; or one for each relation, as ``conv`` of :class:`HeteroConv`."""

REST = "*"
"""Stands for all relations that are not named."""

CONVOLUTIONS: dict[str, ConvFactory] = {
    name: kind
    for name, kind in vars(pyg).items()
    if isinstance(kind, type) and issubclass(kind, pyg.MessagePassing) and kind is not pyg.MessagePassing
}
"""The convolutions of the installed torch_geometric by name."""


@LAYERS.register("hetero_conv")
class HeteroConv(RelationalLayer):
    r"""Any convolution of PyG (`Fey and Lenssen 2019 <https://arxiv.org/abs/1903.02428>`_), one a relation.

    .. math::
        m_i^r = \mathrm{conv}^r(\hat x, E^r)_i

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x; a node without edges of a relation has no message from it, whatever the
    convolution would make of the node by itself. Weights of edges are given to a convolution that takes
    ``edge_weight``, and features to one that takes ``edge_attr``; others do not look at them. Where nothing
    else is said, a convolution with ``heads`` gets those of the layer, each of ``channels / heads``, and none
    adds self-loops, as the self path is there.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        conv: The name of a convolution in ``torch_geometric.nn``; in Python also its class, or whatever else
            can be called like it: ``conv(channels, channels, **options)`` for a relation within one node type
            and ``conv((channels, channels), channels, **options)`` for one between two. Or a mapping from a
            relation's name (in Python also its triple), or ``*`` for all others, to one of these, to a
            mapping of ``name`` and options, or in Python to a module, of which the layer takes a copy.
        options: Further keyword arguments of every convolution that has none of its own.
        heads: Number of attention heads of a convolution that has heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        aggr: What becomes of the messages of several relations: ``sum``, or the ``mean`` or ``max`` of those
            that bring a node any, or their sum weighted by ``attention`` or ``semantic`` attention.
        norm: ``layer`` or ``none``.
        edge_channels: The width of the features of each edge type that has any, for which a convolution with
            ``edge_dim`` is made. ``forward`` then takes them, [E, width], as ``edge_attr_dict``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used, or the convolution does not work: each is
            tried once, on two nodes and an edge.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b")])
        >>> layer = HeteroConv(metadata, 8, conv="GATv2Conv", options={"negative_slope": 0.1}, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "hetero_conv"
    narrows = False

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        conv: ConvChoice = "SAGEConv",
        options: Mapping[str, Any] | None = None,
        heads: int = 4,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        aggr: str = "sum",
        norm: str = "layer",
        edge_channels: Mapping[Triple, int] | None = None,
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            metadata, channels, dropout=dropout, edge_dropout=edge_dropout, norm=norm, targets=targets
        )
        if options is not None and not isinstance(options, Mapping):
            raise ConfigError(
                f"got {options!r}; wanted a mapping of the convolution's options", where="hetero_conv.options"
            )
        chosen = _choose(conv, self.edge_types, options or {})
        widths = read_edge_channels(self.owner, edge_channels, self.edge_types)
        self.conv = ModuleDict()
        for relation in self.relations:
            shape = _Shape(relation, channels, heads, widths.get(relation))
            self.conv[relation] = _make(*chosen[relation], shape)
        read = {relation for relation, conv in self.conv.items() if conv_takes(conv, "edge_attr")}
        self.edge_channels = {relation: width for relation, width in widths.items() if relation in read}
        self.make_receivers(aggr)

    @property
    def not_weighted(self) -> str | None:
        """Why weights of edges make no difference: no convolution takes any."""
        weighted = any(conv_takes(conv, "edge_weight") for conv in self.conv.values())
        return None if weighted else "none of its convolutions takes edge_weight"

    @property
    def not_in_parts(self) -> str | None:
        """Why a hop is not enough: a convolution that looks further, or weighs by degrees of neighbours."""
        for relation, conv in self.conv.items():
            if looks_further(conv, relation, self.channels, self.edge_channels.get(relation)):
                return f"{type(conv).__name__} looks further than at a node's neighbours"
        return self.not_local

    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return what the convolutions give; see :class:`RelationalLayer`."""
        found = {}
        for relation, each in edges.items():
            out = convolve(self.conv[relation], relation, x_dict, each)
            found[relation] = out.masked_fill(~each.has_edge.unsqueeze(1), 0.0)
        return stack_by_target(found)


@dataclass(frozen=True)
class _Shape:
    """What a convolution is made for: its relation, the widths, and that of the edge features, if any."""

    relation: Triple
    channels: int
    heads: int
    edge_width: int | None

    @property
    def within(self) -> bool:
        """Whether the relation leads from a node type to itself."""
        return self.relation[0] == self.relation[2]


def _choose(
    conv: ConvChoice, relations: Iterable[Triple], options: Mapping[str, Any]
) -> dict[Triple, tuple[Any, Mapping[str, Any]]]:
    """Return what makes the convolution of each relation, and its options."""
    relations = list(relations)
    if not isinstance(conv, Mapping):
        return {relation: _find(conv, options) for relation in relations}
    known: dict[Any, list[Triple]] = {REST: []}
    for relation in relations:
        known.setdefault(relation[1], []).append(relation)
        known[relation] = [relation]
    unknown = [key for key in conv if key not in known]
    lacking = [r for r in relations if not {r, r[1], REST} & set(conv)]
    if unknown or lacking:
        names = sorted({relation[1] for relation in relations})
        raise ConfigError(
            f"there is no relation {unknown[0]!r}" if unknown else f"got no convolution for {lacking[0]}",
            where="hetero_conv.conv",
            fix=did_you_mean(str(unknown[0]), names) if unknown else f"Add {REST!r} for all others.",
        )
    chosen = {}
    for relation in relations:
        key = next(key for key in (relation, relation[1], REST) if key in conv)
        chosen[relation] = _find(conv[key], options)
    return chosen


def _find(conv: Any, options: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    if isinstance(conv, Mapping) and "name" in conv:
        conv, options = conv["name"], {name: value for name, value in conv.items() if name != "name"}
    if callable(conv):
        return conv, options
    if not isinstance(conv, str) or conv not in CONVOLUTIONS:
        raise ConfigError(
            f"there is no convolution {conv!r} in torch_geometric.nn",
            where="hetero_conv.conv",
            fix=did_you_mean(str(conv), CONVOLUTIONS),
        )
    return CONVOLUTIONS[conv], options


def _make(factory: Any, options: Mapping[str, Any], shape: _Shape) -> nn.Module:
    """Return the convolution of one relation, once it has shown that it works."""
    if isinstance(factory, nn.Module):
        made = copy.deepcopy(factory)
        _check(lambda: made, shape, type(made).__name__, {})
        return made
    takes = inspect.signature(factory).parameters
    arguments: dict[str, Any] = {"heads": shape.heads} if "heads" in takes else {}
    if "add_self_loops" in takes:
        arguments["add_self_loops"] = False
    if shape.edge_width is not None:
        arguments.update({name: shape.edge_width for name in EDGE_WIDTH if name in takes})
    arguments.update(options)
    channels = width = shape.channels
    # Where heads are put side by side, the width is that of one.
    if "heads" in arguments and "concat" in takes and arguments.get("concat", True):
        width = head_width("hetero_conv", channels, arguments["heads"])
    name = getattr(factory, "__name__", repr(factory))

    def make() -> nn.Module:
        made: nn.Module = factory(channels if shape.within else (channels, channels), width, **arguments)
        return made

    return _check(make, shape, name, arguments)


def _check(make: Callable[[], nn.Module], shape: _Shape, name: str, options: Mapping[str, Any]) -> nn.Module:
    """Return what is made, once it has shown that it works."""
    try:
        made = make()
        out = _try(made, shape)
    except Exception as error:
        raise ConfigError(
            f"{name} does not work on the relation {shape.relation} with the options {dict(options)}: "
            f"{type(error).__name__}: {error}",
            where="hetero_conv.conv",
            fix="It has to take the widths of the layer, and between two node types pairs of states, as "
            "SAGEConv does.",
        ) from error
    if getattr(made, "cached", False):
        raise ConfigError(
            f"{name} keeps what it works out of the first edges that it sees, and a layer sees many",
            where="hetero_conv.options.cached",
            fix="Leave the option out.",
        )
    if tuple(out.shape) != (2, shape.channels):
        raise ConfigError(
            f"{name} returned {tuple(out.shape)} for two nodes; wanted (2, {shape.channels})",
            where="hetero_conv.options",
            fix="Choose options that keep the width of the states.",
        )
    return made


def _try(made: nn.Module, shape: _Shape) -> Tensor:
    """Return the output for two nodes and an edge, and leave no trace in the layer or in random numbers."""
    relation, width = shape.relation, shape.edge_width
    x_dict = {name: torch.zeros(2, shape.channels) for name in (relation[0], relation[2])}
    attr = None if width is None else torch.zeros(1, width)
    edges = RelationEdges(plan_edges(torch.tensor([[0], [1]]), 2, 2), attr=attr)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return convolve(copy.deepcopy(made).eval(), relation, x_dict, edges)
