"""What one node type of a ``HeteroData`` holds: how many nodes, features, targets and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, GraphError
from mmgraph.graph.exchange.vectors import whole_vectors

_MASKS = {"train_mask": "train", "val_mask": "validation", "test_mask": "test"}


def num_nodes(store: Any, features: Sequence[str], *, where: str) -> int:
    """Return the number of nodes: what the store says, or the rows of its features.

    Args:
        store: The node type.
        features: The names of its features.
        where: The place, for messages.

    Raises:
        GraphError: If nothing tells.
    """
    if "num_nodes" in store:
        return int(store["num_nodes"])
    for key in (*features, "x", "y", "train_mask"):
        if key in store and getattr(store[key], "ndim", None):
            return int(store[key].shape[0])
    raise GraphError("does not tell how many nodes there are", where=where, fix="Set its num_nodes.")


def read_features(
    store: Any, entity: str, names: Sequence[str], size: int
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Return by name the rows that have a feature, int64 [M], and their values, float32 [M, D].

    Args:
        store: The node type.
        entity: Its name.
        names: The names of its features.
        size: The number of its nodes, N.

    Raises:
        GraphError: If a feature or its mask cannot be used; all faults at once.
    """
    faults = Faults()
    found = {}
    for name in names:
        where = f"data[{entity!r}].{name}"
        values = _tensor(store[name])
        if values is None or values.dim() != 2 or values.shape[0] != size or values.shape[1] == 0:
            shape = type(store[name]).__name__ if values is None else f"shape {tuple(values.shape)}"
            faults.add(where, f"got {shape}; wanted numbers ({size}, D)", "Give one row a node.")
            continue
        present = None
        if f"{name}_mask" in store:
            present = _mask(store[f"{name}_mask"], size, f"{where}_mask", faults)
        array = values.to(torch.float32).numpy()
        found[name] = whole_vectors(array, where=where, faults=faults, present=present)
    faults.raise_if_any(GraphError)
    return found


def modality_features(store: Any, *, where: str) -> NDArray[np.float32]:
    """Return the features of a node type that is a modality, float32 [M, D].

    Args:
        store: The node type.
        where: The place, for messages.

    Raises:
        GraphError: If they cannot be used.
    """
    values = _tensor(store["x"]) if "x" in store else None
    if values is None or values.dim() != 2:
        came = "nothing" if values is None else f"shape {tuple(values.shape)}"
        raise GraphError(f"got {came}; wanted numbers (M, D)", where=where, fix="Set it.")
    array: NDArray[np.float32] = values.to(torch.float32).numpy()
    broken = np.flatnonzero(~np.isfinite(array).all(1))
    if len(broken):
        raise GraphError(
            f"{counted(len(broken), 'row holds', 'rows hold')} a value that is not finite, first row "
            f"{broken[0]}",
            where=where,
            fix="Mend them, or leave these nodes out.",
        )
    return array


def modality_positions(store: Any, size: int, *, where: str) -> NDArray[np.int64]:
    """Return the position of each element of a sequence, int64 [M].

    Args:
        store: The node type.
        size: The number of its nodes, M.
        where: The place, for messages.

    Raises:
        GraphError: If they cannot be used.
    """
    values = _tensor(store["position"])
    if values is None or values.shape != (size,) or values.is_floating_point():
        came = "no numbers" if values is None else f"{values.dtype} of shape {tuple(values.shape)}"
        raise GraphError(
            f"got {came.removeprefix('torch.')}; wanted whole numbers ({size},)",
            where=where,
            fix="Number the elements of each entity, or leave it out.",
        )
    array: NDArray[np.int64] = values.to(torch.int64).numpy()
    return array


def task_kind(store: Any) -> str | None:
    """Return what the targets of a node type make: a classification, a regression, or no task."""
    if "y" not in store or "train_mask" not in store:
        return None
    return "regression" if torch.as_tensor(store["y"]).is_floating_point() else "classification"


def entity_table(store: Any, entity: str, size: int) -> pd.DataFrame:
    """Return the node table of an entity type: ``id``, ``title``, where there is one ``time``, and of a task
    target and split.

    Args:
        store: The node type.
        entity: Its name, which is that of the task as well.
        size: The number of its nodes, N.

    Raises:
        GraphError: If ids, times, targets or masks cannot be used; all faults at once.
    """
    faults = Faults()
    where = f"data[{entity!r}]"
    ids = [str(value) for value in store["id"]] if "id" in store else [str(row) for row in range(size)]
    if len(ids) != size or len(set(ids)) != size:
        problem = f"got {len(ids)} ids, {len(set(ids))} of them different; wanted {size} different ones"
        faults.add(f"{where}.id", problem, "Give each node its own.")
    columns = {"id": pd.Series(ids, dtype="str"), "title": pd.Series(ids, dtype="str")}
    if "time" in store:
        columns["time"] = _times(store, size, f"{where}.time", faults)
    if task_kind(store):
        columns[f"target:{entity}"] = _target(store, size, f"{where}.y", faults)
        columns[f"split:{entity}"] = _split(store, size, where, faults)
    faults.raise_if_any(GraphError)
    return pd.DataFrame(columns)


def _times(store: Any, size: int, where: str, faults: Faults) -> pd.Series:
    """Return when each node comes into being."""
    time = torch.as_tensor(store["time"]).detach().cpu().double()
    if time.shape != (size,) or time.isnan().any():
        problem = f"got shape {tuple(time.shape)}; wanted ({size},), and no NaN"
        faults.add(where, problem, "Give each node one time, or rename it.")
        return pd.Series([None] * size, dtype=float)
    return pd.Series(time.numpy())


def _target(store: Any, size: int, where: str, faults: Faults) -> pd.Series:
    """Return numbers, or the names of classes; missing where there is no label."""
    y = torch.as_tensor(store["y"]).detach().cpu()
    y = y.flatten() if y.shape == (size, 1) else y
    if y.shape != (size,):
        faults.add(where, f"got shape {tuple(y.shape)}; wanted ({size},)", "Give each node one target.")
        return pd.Series([None] * size, dtype=object)
    if y.is_floating_point():
        return pd.Series(y.to(torch.float64).numpy())
    classes = [str(name) for name in store["classes"]] if "classes" in store else None
    numbers = y.long().tolist()
    if classes is not None and numbers and max(numbers) >= len(classes):
        faults.add(
            where,
            f"names class {max(numbers)}, but there {agreed(len(classes), 'is', 'are')} "
            f"{counted(len(classes), 'class', 'classes')}",
            "Name them all.",
        )
        return pd.Series([None] * size, dtype=object)
    names = [None if n < 0 else str(n) if classes is None else classes[n] for n in numbers]
    return pd.Series(names, dtype="str")


def _split(store: Any, size: int, where: str, faults: Faults) -> pd.Series:
    """Return the part of the split that each node is in, or nothing."""
    split = np.full(size, "", dtype=object)
    for key, part in _MASKS.items():
        if key in store:
            mask = _mask(store[key], size, f"{where}.{key}", faults)
            twice = np.flatnonzero(mask & (split != ""))
            if len(twice):
                problem = (
                    f"{counted(len(twice), 'node is', 'nodes are')} in {split[twice[0]]} as well, first "
                    f"{twice[0]}"
                )
                faults.add(f"{where}.{key}", problem, "Put each node in one part.")
            split[mask] = part
    return pd.Series(split, dtype="str")


def _mask(value: Any, size: int, where: str, faults: Faults) -> NDArray[np.bool_]:
    mask = torch.as_tensor(value).detach().cpu()
    if mask.dtype != torch.bool or mask.shape != (size,):
        got = f"{mask.dtype} of shape {tuple(mask.shape)}".removeprefix("torch.")
        faults.add(
            where, f"got {got}; wanted bool ({size},)", "Choose one column if it holds several splits."
        )
        return np.zeros(size, dtype=bool)
    array: NDArray[np.bool_] = mask.numpy()
    return array


def _tensor(value: Any) -> Tensor | None:
    """Return numbers as a dense tensor on the CPU; nothing if it holds none."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        value = torch.from_numpy(value)
    if not isinstance(value, Tensor) or value.is_complex():
        return None
    dense = value.detach().cpu()
    return dense.to_dense() if dense.layout != torch.strided else dense
