"""One convolution of PyG along one relation: what it is given, and how far it looks.

Shapes: N target nodes, C channels.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from mmgraph.layers.layer import Triple
from mmgraph.layers.relational_layer import RelationEdges
from mmgraph.ops import plan_edges

EDGE_WIDTH = ("edge_dim", "in_edge_channels")
"""How convolutions of PyG call the width of the edge features that they are made for."""

_TRIALS = 3


def convolve(conv: nn.Module, relation: Triple, x_dict: Mapping[str, Tensor], edges: RelationEdges) -> Tensor:
    """Return the output [N, C] of one convolution."""
    source, _, target = relation
    plan = edges.plan
    edge_index = torch.stack([plan.source, plan.target])
    arguments = {}
    for name, values in (("edge_weight", edges.weight), ("edge_attr", edges.attr)):
        if values is not None and conv_takes(conv, name):
            arguments[name] = plan.arrange(values).to(x_dict[source].dtype)
    if edges.keep is not None:
        kept = plan.arrange(edges.keep)
        edge_index = edge_index[:, kept]
        arguments = {name: values[kept] for name, values in arguments.items()}
    if edge_index.shape[1] == 0:
        # Of no edge some convolutions make an error.
        return x_dict[target].new_zeros(x_dict[target].shape)
    x = x_dict[source] if source == target else (x_dict[source], x_dict[target])
    result: Tensor = conv(x, edge_index, **arguments)
    return result


def conv_takes(conv: nn.Module, what: str) -> bool:
    """Return whether a convolution reads something of its edges."""
    # Those of PyG that could read features but were made for none say so by a width of None.
    ready = what != "edge_attr" or all(getattr(conv, name, True) is not None for name in EDGE_WIDTH)
    return ready and what in inspect.signature(conv.forward).parameters


def looks_further(conv: nn.Module, relation: Triple, channels: int, edge_width: int | None) -> bool:
    """Return whether a node's output changes with edges that do not lead to it: tried on a path of nodes.

    So it does if a convolution takes several hops, or weighs by degrees of neighbours, as ``GCNConv``.

    Args:
        conv: The convolution.
        relation: The relation that it was made for.
        channels: The width of the states.
        edge_width: The width of the edge features that it reads; None for none.
    """
    # The first two edges lead to the node in the middle, the others make the path one of both directions.
    edges = torch.tensor([[1, 3, 0, 1, 2, 2, 3, 4], [2, 2, 1, 0, 1, 3, 4, 3]])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for _ in range(_TRIALS):
            # Of one draw of weights a difference may be hidden by chance.
            tried = copy.deepcopy(conv).cpu().eval()
            for parameter in tried.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
            dtype = next((parameter.dtype for parameter in tried.parameters()), torch.float32)
            draw = partial(torch.randn, generator=generator, dtype=dtype)
            x_dict = {name: draw(5, channels) for name in relation[::2]}
            attr = None if edge_width is None else draw(edges.shape[1], edge_width)
            near, whole = (
                convolve(
                    tried,
                    relation,
                    x_dict,
                    RelationEdges(
                        plan_edges(edges[:, :count], 5, 5), attr=None if attr is None else attr[:count]
                    ),
                )[2]
                for count in (2, edges.shape[1])
            )
            if not torch.allclose(near, whole, atol=1e-5):
                return True
    return False
