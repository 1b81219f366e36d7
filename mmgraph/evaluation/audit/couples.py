"""Couples of a held-out and a training entity that are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.audit.subject import Subject


def couples(
    subject: Subject, codes: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the held-out entities that share a number with a training one, and the first such one for each.

    Args:
        subject: The graph under audit.
        codes: A number for each node, int64 [M]; what is below 0 is like nothing.
        rows: The entity of each node, int64 [M].
    """
    first: dict[int, int] = {}
    for code, row in zip(codes.tolist(), rows.tolist(), strict=True):
        if code >= 0 and subject.training[row]:
            first.setdefault(code, row)
    found = [
        (row, first[code])
        for code, row in zip(codes.tolist(), rows.tolist(), strict=True)
        if subject.held_out[row] and code in first
    ]
    array = np.array(found, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]
