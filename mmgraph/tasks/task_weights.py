"""How much each of several tasks counts that one model learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.tasks.labels import Labels


@dataclass(frozen=True)
class TaskWeights:
    """The weight of each task.

    Args:
        weights: By the task's name, 1 where it is not named; ``uncertainty`` for weights that are learnt, by
            how uncertain each task is; nothing for 1 each.
    """

    weights: Mapping[str, float] | Literal["uncertainty"] | None = None

    @property
    def learned(self) -> bool:
        """Whether the weights in the loss are learnt."""
        return self.weights == "uncertainty"

    def of(self, names: Sequence[str]) -> dict[str, float]:
        """Return the weight of each task; of those that are learnt, the 1 that they begin with.

        Args:
            names: The names of the tasks.

        Raises:
            ConfigError: If a weight is that of none of them.
        """
        given = self.weights if isinstance(self.weights, Mapping) else {}
        faults = Faults()
        for name in given:
            if name not in names:
                faults.add(
                    f"task_weights.{name}", "is none of the tasks that are learnt", did_you_mean(name, names)
                )
        faults.raise_if_any(ConfigError)
        return {name: given.get(name, 1.0) for name in names}

    def refuse(self, labels: Labels) -> None:
        """Refuse weights, for one task.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If some were set.
        """
        if self.weights is not None:
            raise ConfigError(
                f"got {self.weights}, but {labels.task!r} is one task, a {labels.kind}",
                where="task_weights",
                fix="Leave it out, or train several tasks at once (--task A,B).",
            )
