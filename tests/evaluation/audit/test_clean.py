"""Where nothing leaks nothing is found: signal in every modality and relation, rare classes, few entities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmgraph.evaluation.audit.audit import audit

CLEAN: dict[str, dict[str, Any]] = {
    "three classes": {},
    "a rare class": {"classes": 2, "shares": (0.95, 0.05)},
    "eight classes": {"classes": 8},
    "numbers": {"numbers": True},
    "few entities": {"count": 80},
    "uneven classes": {"count": 900, "classes": 5, "shares": (0.6, 0.2, 0.1, 0.07, 0.03)},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_found(name: str, seed: int, parts: Callable[..., Any]) -> None:
    report = audit(parts(seed, **CLEAN[name]).graph(), task="kind")
    assert report.clean, str(report)
