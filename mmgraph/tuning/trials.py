"""The trials of a study, one after the other, in an order that a killed process does not change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmgraph.errors import ConfigError, MMGraphError
from mmgraph.progress import Advance, Progress
from mmgraph.training.history import Epoch
from mmgraph.tuning.objective import Objective
from mmgraph.tuning.study import interrupted

if TYPE_CHECKING:
    import optuna

# Of the trials before one is pruned, and of the epochs of each: until then nothing is known about them.
_TRIALS_WHOLE = 5
_SHARE_WHOLE = 0.1


@dataclass(frozen=True)
class Budget:
    """How much a study may do in all, before and after it was resumed.

    Args:
        trials: How many trials; nothing for any number.
        seconds: How long its trials may take, after which none begins; nothing for any time.
    """

    trials: int | None
    seconds: float | None

    def allows(self, finished: int, spent: float) -> bool:
        """Return whether one more trial may begin."""
        within = self.trials is None or finished < self.trials
        return within and (self.seconds is None or spent < self.seconds)


def open_study(
    objective: Objective, *, prune: bool, storage: optuna.storages.RDBStorage | None
) -> optuna.Study:
    """Return a study, with the trials that its storage has; one that was running when it was killed failed.

    Args:
        objective: What its trials do.
        prune: Stop trials that fall behind.
        storage: Where its trials are; nothing for memory.
    """
    import optuna

    pruner = optuna.pruners.MedianPruner(
        n_startup_trials=_TRIALS_WHOLE, n_warmup_steps=int(_SHARE_WHOLE * objective.config.max_epochs)
    )
    study = optuna.create_study(
        storage=storage,
        study_name=objective.task,
        direction="maximize" if objective.monitor[1] == "max" else "minimize",
        pruner=pruner if prune else optuna.pruners.NopPruner(),
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def run_trials(
    study: optuna.Study, objective: Objective, budget: Budget, progress: Progress
) -> Iterator[optuna.trial.FrozenTrial]:
    """Run trials while the budget allows it, and yield each that is done."""
    with progress.job(f"tune {objective.config.model.name}", total=budget.trials) as advance:
        finished, spent = _so_far(study)
        advance(finished)
        while budget.allows(finished, spent):
            done = _run_one(study, objective, finished, advance)
            progress.say(_line(done, objective.monitor[0]))
            advance(1)
            yield done
            finished, spent = _so_far(study)


def _so_far(study: optuna.Study) -> tuple[int, float]:
    """Return how many trials came to an end of their own, and how many seconds those took."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    own = [trial for trial in done if not interrupted(trial)]
    return len(own), sum(trial.duration.total_seconds() for trial in own if trial.duration is not None)


def _run_one(
    study: optuna.Study, objective: Objective, position: int, advance: Advance
) -> optuna.trial.FrozenTrial:
    """Run one trial and note what came of it.

    Args:
        study: The study.
        objective: What the trial does.
        position: How many trials came to an end before.
        advance: Told of every epoch.
    """
    import optuna

    # A sampler's random state is not kept, so each trial has one of its own: a trial that is repeated after
    # a kill, and those after it, are what they would have been.
    seed = int(np.random.SeedSequence((objective.config.seed, position)).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if position == 0 and not waiting:
        study.enqueue_trial(objective.present())
    trial = study.ask()

    def tell(epoch: Epoch) -> None:
        metric = objective.monitor[0]
        advance(0, f"trial {trial.number}, epoch {epoch.epoch}, {metric} {epoch.validation[metric]:.3f}")

    try:
        value = objective.run(trial, objective.draw(trial), tell)
    except optuna.TrialPruned:
        return study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    except ConfigError as error:
        # Values that do not go together, such as 3 heads for 128 channels: to the sampler the worst there is.
        trial.set_user_attr("reason", str(error))
        return study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    except Exception as error:  # whatever a model or a plugin raises, the study goes on
        own = isinstance(error, MMGraphError)
        trial.set_user_attr("reason", str(error) if own else f"{type(error).__name__}: {error}")
        return study.tell(trial, state=optuna.trial.TrialState.FAIL)
    if np.isnan(value):
        trial.set_user_attr("reason", f"{objective.monitor[0]} is not a number")
        return study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return study.tell(trial, value)


def _line(trial: optuna.trial.FrozenTrial, metric: str) -> str:
    reason = trial.user_attrs.get("reason")
    state = {"COMPLETE": "", "PRUNED": "pruned, ", "FAIL": "failed, "}[trial.state.name]
    shown = reason or f"validation {metric} {trial.value:.4f}, {trial.user_attrs['epochs']} epochs"
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    return f"trial {trial.number}: {state}{shown} ({seconds:.1f} s)"
