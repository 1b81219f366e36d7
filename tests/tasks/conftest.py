"""Labels made by hand: a task can be tested without a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mmgraph.tasks import Labels

MakeLabels = Callable[..., Labels]


@pytest.fixture
def make_labels() -> MakeLabels:
    """Return a function from values and splits (one letter each) to labels."""
    names = {"t": "train", "v": "validation", "s": "test", "-": ""}

    def make(values: Sequence[Any], split: str, *, kind: str = "classification") -> Labels:
        series = pd.Series(list(values), dtype="float64" if kind == "regression" else "str")
        return Labels(
            task="colour",
            kind=kind,
            entity="thing",
            column="hue",
            id_values=pd.Series([f"thing-{row}" for row in range(len(values))]),
            values=series,
            split=np.array([names[letter] for letter in split]),
            where="tasks.colour",
        )

    return make
