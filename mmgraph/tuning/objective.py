"""What a trial does: draws a config from the space, trains it, and reports how validation goes."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmgraph.graph.graph import Graph
from mmgraph.registry import MODELS
from mmgraph.tasks.task import Direction
from mmgraph.training.config import TrainConfig
from mmgraph.training.history import Epoch
from mmgraph.training.train import train
from mmgraph.tuning.parameter import Value
from mmgraph.tuning.space import SearchSpace

if TYPE_CHECKING:
    import optuna

# A report is written to the study's file, which may take as long as an epoch of a small graph.
_REPORTS = 25


@dataclass(frozen=True)
class Objective:
    """Trains the configs of a search space.

    Args:
        graph: The graph.
        task: The name of the task.
        config: The config that every trial begins with.
        space: The keys that trials vary.
        monitor: The metric of validation that counts, and whether more or less of it is better.
    """

    graph: Graph
    task: str
    config: TrainConfig
    space: SearchSpace
    monitor: tuple[str, Direction]

    def draw(self, trial: optuna.Trial) -> dict[str, Value]:
        """Return a value for every key of the space."""
        return {key: self._draw_one(trial, key) for key in self.space.parameters}

    def _draw_one(self, trial: optuna.Trial, key: str) -> Value:
        parameter = self.space.parameters[key]
        if parameter.choices is not None:
            drawn: Value = trial.suggest_categorical(key, parameter.choices)
            return drawn
        assert parameter.low is not None
        assert parameter.high is not None
        if self.space.is_integer(key):
            return trial.suggest_int(key, int(parameter.low), int(parameter.high), log=parameter.log)
        return trial.suggest_float(key, parameter.low, parameter.high, log=parameter.log)

    def run(self, trial: optuna.Trial, values: Mapping[str, Value], tell: Callable[[Epoch], None]) -> float:
        """Train with some values and return the metric of the best epoch.

        The trial keeps the config, the loss and the number of that epoch, and the number of all epochs.

        Args:
            trial: Told of the best epoch so far, at intervals.
            values: By config key.
            tell: Called with every epoch.

        Raises:
            TrialPruned: If earlier trials had come further.
            MMGraphError: If the config cannot be trained.
        """
        metric = self.monitor[0]
        watch = _Watch(trial, self.monitor, max(1, self.config.max_epochs // _REPORTS), tell)
        run = train(
            self.graph,
            task=self.task,
            config=self.config,
            # Every JSON value is one of YAML's.
            overrides=[f"{key}={json.dumps(value)}" for key, value in values.items()],
            on_epoch=watch,
        )
        best = run.history.set_index("epoch").to_dict("index")[run.best_epoch]
        trial.set_user_attr("config", run.config.model_dump(mode="json"))
        trial.set_user_attr("validation_loss", float(best["validation_loss"]))
        trial.set_user_attr("best_epoch", run.best_epoch)
        trial.set_user_attr("epochs", len(run.history))
        return float(best[f"validation_{metric}"])

    def present(self) -> dict[str, Value]:
        """Return the values that the config has already, of those keys whose parameter holds them."""
        found = {key: _value_of(self.config, key) for key in self.space.parameters}
        return {key: value for key, value in found.items() if self.space.parameters[key].holds(value)}


class _Watch:
    """Reports the best metric so far at intervals, and stops a trial that falls behind."""

    def __init__(
        self,
        trial: optuna.Trial,
        monitor: tuple[str, Direction],
        every: int,
        tell: Callable[[Epoch], None],
    ) -> None:
        self._trial = trial
        self._metric, direction = monitor
        self._better = max if direction == "max" else min
        self._every = every
        self._tell = tell
        self._best: float | None = None

    def __call__(self, epoch: Epoch) -> None:
        from optuna import TrialPruned

        self._tell(epoch)
        value = epoch.validation[self._metric]
        if not math.isnan(value):
            self._best = value if self._best is None else self._better(value, self._best)
        if self._best is None or epoch.epoch % self._every:
            return
        self._trial.report(self._best, epoch.epoch)
        if self._trial.should_prune():
            self._trial.set_user_attr("epochs", epoch.epoch)
            raise TrialPruned


def _value_of(config: TrainConfig, key: str) -> Any:
    """Return what a key of a config stands at; the model's own default where the config says nothing."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part)
    option = key.removeprefix("model.").removeprefix("options.")
    if value is None and config.model.layers is None:
        defaults = inspect.signature(MODELS.get(config.model.name)).parameters
        if option in defaults:
            value = defaults[option].default
    return value
