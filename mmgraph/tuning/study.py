"""What a study found: every trial, the best config, and which keys mattered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mmgraph.config import parse
from mmgraph.errors import Fault, MMGraphError, RunError
from mmgraph.tasks.task import Direction
from mmgraph.training.config import TrainConfig

if TYPE_CHECKING:
    import optuna

_TRIALS_THAT_TELL = 10
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True)
class Study:
    """What a study found.

    Args:
        task: The name of the task.
        monitor: The metric of validation that counted, and ``max`` or ``min``.
        trials: One row for each trial, the best first: trial, state, ``validation_<metric>``,
            validation_loss, best_epoch, epochs, seconds, reason, and the value of each key. A trial that was
            pruned has the metric that it had come to, one that failed has none.
        best_trial: The number of the best trial.
        best_value: Its metric on validation.
        best_config: Its config.
        folder: Where it was written, or ``None``.
        importances: How much of the metric's variation each key accounts for, the most first, in shares;
            empty where too few trials tell.
    """

    task: str
    monitor: tuple[str, Direction]
    trials: pd.DataFrame
    best_trial: int
    best_value: float
    best_config: TrainConfig
    folder: Path | None
    importances: dict[str, float] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """The keys that trials varied."""
        return list(self.trials.columns[list(self.trials.columns).index("reason") + 1 :])

    def counts(self) -> dict[str, int]:
        """Return how many trials are complete, pruned and failed."""
        found = self.trials["state"].value_counts()
        return {state: int(found.get(state, 0)) for state in _STATES.values()}

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON document."""
        metric, direction = self.monitor
        return {
            "task": self.task,
            "model": self.best_config.model.name,
            "split": "validation",
            "metric": metric,
            "direction": direction,
            "best": {
                "trial": self.best_trial,
                "value": self.best_value,
                "config": self.best_config.model_dump(mode="json"),
            },
            "counts": self.counts(),
            "importances": self.importances,
            "trials": [
                {name: None if pd.isna(value) else value for name, value in row.items()}
                for row in self.trials.astype(object).to_dict("records")
            ],
            "folder": None if self.folder is None else str(self.folder),
        }


def study_of(
    study: optuna.Study, *, task: str, monitor: tuple[str, Direction], keys: list[str], folder: Path | None
) -> Study:
    """Return what an Optuna study found.

    Args:
        study: The study, no trial of which is running.
        task: The name of the task.
        monitor: The metric that counted, and whether more or less of it is better.
        keys: The keys that trials varied.
        folder: Where it is written, if it is.

    Raises:
        RunError: If no trial is complete; it has all their reasons.
    """
    trials = sorted(study.get_trials(deepcopy=False), key=lambda trial: _rank(trial, monitor[1]))
    if not trials or trials[0].state.name != "COMPLETE":
        raise _no_trial(trials)
    best = trials[0]
    assert best.value is not None
    return Study(
        task=task,
        monitor=monitor,
        trials=pd.DataFrame([_row(trial, monitor[0], keys) for trial in trials]).astype(
            # Whole numbers and text stay so beside trials that have none.
            {"best_epoch": "Int64", "epochs": "Int64", "reason": "string"}
        ),
        best_trial=best.number,
        best_value=best.value,
        best_config=parse(TrainConfig, best.user_attrs["config"], where=f"trial {best.number}"),
        folder=folder,
    )


def parameter_importances(study: optuna.Study) -> dict[str, float]:
    """Return the share of the metric's variation that each key accounts for, as far as trials tell.

    See `Watanabe et al. 2023 <https://arxiv.org/abs/2304.10255>`_ (PED-ANOVA).
    """
    from optuna.importance import get_param_importances

    complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(complete) < _TRIALS_THAT_TELL or len({trial.value for trial in complete}) == 1:
        return {}
    return {key: float(share) for key, share in get_param_importances(study).items()}


def interrupted(trial: optuna.trial.FrozenTrial) -> bool:
    """Return whether a trial was cut off by the end of its process: all others that failed say why."""
    return trial.state.name == "FAIL" and "reason" not in trial.user_attrs


def _rank(trial: optuna.trial.FrozenTrial, direction: Direction) -> tuple[float, float, float, int]:
    """Return what trials are sorted by: the state, the metric, and among equals the loss, as for epochs."""
    state = list(_STATES).index(trial.state.name)
    value = math.inf if trial.value is None else trial.value if direction == "min" else -trial.value
    return state, value, trial.user_attrs.get("validation_loss", math.inf), trial.number


def _row(trial: optuna.trial.FrozenTrial, metric: str, keys: list[str]) -> dict[str, Any]:
    noted = trial.user_attrs
    return {
        "trial": trial.number,
        "state": _STATES[trial.state.name],
        f"validation_{metric}": trial.value,
        "validation_loss": noted.get("validation_loss"),
        "best_epoch": noted.get("best_epoch"),
        "epochs": noted.get("epochs"),
        "seconds": noted.get("seconds"),
        "reason": "interrupted" if interrupted(trial) else noted.get("reason"),
        **{key: trial.params.get(key) for key in keys},
    }


def _no_trial(trials: list[optuna.trial.FrozenTrial]) -> MMGraphError:
    reasons: dict[str, list[int]] = {}
    for trial in trials:
        reason = "interrupted" if interrupted(trial) else trial.user_attrs.get("reason", "pruned")
        reasons.setdefault(reason, []).append(trial.number)
    if not reasons:
        return RunError("no trial was run", fix="Allow at least one, e.g. --trials 20.")
    return RunError.of(
        Fault(f"no trial came to an end: {_numbers(numbers)}", reason) for reason, numbers in reasons.items()
    )


def _numbers(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"trial {numbers[0]}"
    shown = ", ".join(str(number) for number in numbers[:5])
    return f"trials {shown}{', ...' if len(numbers) > 5 else ''}"
