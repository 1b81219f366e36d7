"""Settings that a kind of task has no use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmgraph.errors import ConfigError, Faults
from mmgraph.tasks.labels import Labels


def refuse_set(labels: Labels, lacks: str, settings: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse the settings that are not as usual, all at once.

    Args:
        labels: What the graph says about the task.
        lacks: What the task does not do, e.g. ``has no classes``.
        settings: By key, the value and the usual one.

    Raises:
        ConfigError: If a value is another than the usual one.
    """
    faults = Faults()
    for key, (value, usual) in settings.items():
        if value != usual:
            faults.add(
                key,
                f"got {value}, but {labels.task!r} is a {labels.kind} and {lacks}",
                "Leave it out.",
            )
    faults.raise_if_any(ConfigError)
