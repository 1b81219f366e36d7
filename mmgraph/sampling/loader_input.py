"""What a loader makes batches of, in all the ways in which PyG's loaders take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.graph import Graph, Triple

InputNodes = str | tuple[str, Tensor | NDArray[Any] | Sequence[int] | None]
"""A node type; or one and its nodes: int64 [B], a mask bool [N], or nothing for all."""

InputLinks = Triple | tuple[Triple, Tensor | NDArray[Any] | Sequence[Sequence[int]] | None]
"""An edge type; or one and its links: int64 [2, B], or nothing for all of its edges."""


def read_input_nodes(given: Any, sizes: Mapping[str, int]) -> tuple[str, Tensor, Tensor | None]:
    """Return the node type, the nodes int64 [B], and of a mask, as PyG does, the nodes once more as ids.

    Args:
        given: See :data:`InputNodes`.
        sizes: Number of nodes by node type.

    Raises:
        ConfigError: If it is nothing of the kind.
        GraphError: If there is no such node type.

    Example:
        >>> read_input_nodes(("a", [2, 0]), {"a": 3})
        ('a', tensor([2, 0]), None)
        >>> read_input_nodes(("a", torch.tensor([True, False, True])), {"a": 3})
        ('a', tensor([0, 2]), tensor([0, 2]))
    """
    name, nodes = (given, None) if isinstance(given, str) else _pair(given, "input_nodes", "node type")
    if name not in sizes:
        raise GraphError(
            f"there is no node type {name!r}", where="input_nodes", fix=did_you_mean(str(name), sizes)
        )
    if nodes is None:
        return name, torch.arange(sizes[name]), None
    node = _tensor(nodes, "input_nodes")
    if node.dtype == torch.bool:
        if node.shape != (sizes[name],):
            raise ConfigError(
                f"got a mask of shape {tuple(node.shape)}; wanted ({sizes[name]},)",
                where="input_nodes",
                fix=f"Give one value for each node of the type {name!r}.",
            )
        found = node.nonzero().view(-1)
        return name, found, found
    _check(node, 1, "input_nodes", "node numbers [B], or a mask [N]")
    return name, node.long(), None


def read_input_links(given: Any, data: Graph | HeteroData, types: HeteroData) -> tuple[Triple, Tensor]:
    """Return the edge type and the links, int64 [2, B].

    Args:
        given: See :data:`InputLinks`.
        data: The graph.
        types: A ``HeteroData`` with the same edge types.

    Raises:
        ConfigError: If it is nothing of the kind.
        GraphError: If there is no such edge type.
    """
    is_type = isinstance(given, tuple | list) and bool(given) and isinstance(given[0], str)
    name, links = (given, None) if is_type else _pair(given, "edge_label_index", "edge type")
    triple: Triple = tuple(name)
    if triple not in types.edge_types:
        known = [" -> ".join(triple) for triple in types.edge_types]
        shown = " -> ".join(map(str, triple))
        raise GraphError(
            f"there is no edge type {shown!r}", where="edge_label_index", fix=did_you_mean(shown, known)
        )
    if links is None:
        whole = data.edge_index[triple] if isinstance(data, Graph) else data[triple].edge_index
        links = whole
    index = _tensor(links, "edge_label_index")
    _check(index, 2, "edge_label_index", "links [2, B], sources above targets")
    return triple, index.long()


def check_one_each(values: Tensor | None, count: int, where: str) -> None:
    """Make sure that there is one value for each input.

    Raises:
        ConfigError: If there is not.
    """
    if values is not None and (values.ndim == 0 or len(values) != count):
        raise ConfigError(
            f"got shape {tuple(values.shape)}; wanted {count} of them",
            where=where,
            fix="Give one for each node or link of the input.",
        )


def _pair(given: Any, where: str, kind: str) -> tuple[Any, Any]:
    if not isinstance(given, tuple | list) or len(given) != 2 or isinstance(given[0], Tensor):
        raise ConfigError(
            f"got {type(given).__name__}; wanted the {kind} and what of it",
            where=where,
            fix=f"Give a pair, e.g. ({kind}, None) for all.",
        )
    return given[0], given[1]


def _tensor(values: Any, where: str) -> Tensor:
    try:
        return torch.as_tensor(np.asarray(values) if isinstance(values, list | tuple) else values).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(str(error), where=where, fix="Give a tensor of whole numbers.") from None


def _check(values: Tensor, ndim: int, where: str, wanted: str) -> None:
    right = values.ndim == ndim and (ndim == 1 or len(values) == 2)
    empty = values.numel() == 0
    if not right or (values.is_floating_point() and not empty) or values.is_complex():
        raise ConfigError(
            f"got {str(values.dtype).removeprefix('torch.')} of shape {tuple(values.shape)}; wanted {wanted}",
            where=where,
            fix="Give whole numbers.",
        )
