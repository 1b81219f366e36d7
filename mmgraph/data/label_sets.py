"""Sets of labels as text: so a graph keeps the labels of an entity that may have several in one cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.data.cell_values import cell_values


def label_sets(cells: pd.Series[Any], separator: str | None) -> pd.Series[Any]:
    """Return the labels in each cell of a column as text; nothing where they are not known.

    A list says all, so an empty one says that an entity has no label; an empty cell says nothing.

    Args:
        cells: The column, [N]: lists of labels, or text.
        separator: What stands between the labels in a cell of text; nothing where a cell holds one.

    Example:
        >>> label_sets(pd.Series(["b| a", None, ""]), "|").tolist()
        ['["a", "b"]', nan, nan]
        >>> label_sets(pd.Series([["b"], []]), None).tolist()
        ['["b"]', '[]']
    """
    found: list[list[str]] = [[] for _ in range(len(cells))]
    for row, label in zip(*cell_values(cells, separator), strict=True):
        found[row].append(label)
    told = [isinstance(cell, (list, tuple, np.ndarray)) for cell in cells]
    texts = [write_label_set(each) if each or all_ else None for each, all_ in zip(found, told, strict=True)]
    return pd.Series(texts, dtype="str")


def write_label_set(labels: Iterable[str]) -> str:
    """Return a set of labels as text: the same for the same labels, in whatever order they come."""
    return json.dumps(sorted(set(labels)), ensure_ascii=False)


def read_label_set(text: str) -> list[str]:
    """Return the labels that a text stands for, sorted.

    Raises:
        ValueError: If it is no JSON list of texts.

    Example:
        >>> read_label_set('["happy", "smile"]')
        ['happy', 'smile']
    """
    try:
        labels = json.loads(text)
    except ValueError:
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"got {text!r}; wanted a JSON list of texts")
    return sorted(set(labels))
