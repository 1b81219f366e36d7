"""What a training reports, and the base of the places that it reports to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgraph.training.history import Epoch

Scalar = bool | int | float | str


@dataclass(frozen=True)
class Beginning:
    """What is known when a training begins.

    Args:
        name: What to call it.
        config: The resolved config, as JSON.
        monitor: The column of the history that chooses the best epoch, e.g. ``validation_accuracy``.
        folder: Where files go; nothing if the training leaves none.
    """

    name: str
    config: dict[str, Any]
    monitor: str
    folder: Path | None

    def hyper_parameters(self) -> dict[str, Scalar]:
        """Return the config with dotted keys and plain values.

        Example:
            >>> Beginning("a", {"model": {"heads": 4, "layers": None}}, "x", None).hyper_parameters()
            {'model.heads': 4, 'model.layers': 'None'}
        """
        return _flat(self.config)


class Log(ABC):
    """One place that a training reports to, opened when it begins."""

    @abstractmethod
    def step(self, step: int, loss: float, lr: float) -> None:
        """Report a step.

        Args:
            step: Its number in the whole training, from 1.
            loss: The loss that it was taken on.
            lr: Its learning rate.
        """

    @abstractmethod
    def epoch(self, epoch: Epoch, step: int) -> None:
        """Report an epoch.

        Args:
            epoch: What was measured.
            step: The number of its last step.
        """

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """End the report of a training that came to its end, or did not."""


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Scalar]:
    flat: dict[str, Scalar] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return flat
