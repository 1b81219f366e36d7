"""The trials of a study, one after the other or in rounds, in an order that no killed process changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from mmgraph.errors import ConfigError, MMGraphError
from mmgraph.progress import Advance, Progress
from mmgraph.training.history import Epoch
from mmgraph.tuning.objective import Objective
from mmgraph.tuning.parameter import Value
from mmgraph.tuning.study import interrupted

if TYPE_CHECKING:
    import optuna

# Of the trials before one is pruned, and of the epochs of each: until then nothing is known about them.
_TRIALS_WHOLE = 5
_SHARE_WHOLE = 0.1

_CLOCK = "clock"
"""The attribute of a trial that ran beside others: its part of the seconds that they took together."""


@dataclass(frozen=True)
class Budget:
    """How much a study may do in all, before and after it was resumed.

    Args:
        trials: How many trials; nothing for any number.
        seconds: How long its trials may take on the clock, after which none begins; nothing for any time.
    """

    trials: int | None
    seconds: float | None

    def allows(self, finished: int, spent: float) -> bool:
        """Return whether one more trial may begin."""
        within = self.trials is None or finished < self.trials
        return within and (self.seconds is None or spent < self.seconds)

    def at_most(self, wanted: int, finished: int) -> int:
        """Return how many trials may begin together, of those wanted."""
        return wanted if self.trials is None else min(wanted, self.trials - finished)


class Came(NamedTuple):
    """What came of a trial."""

    state: optuna.trial.TrialState
    value: float | None


class OtherWorkers(Protocol):
    """Those who run several trials at a time.

    Args:
        number: How many.
    """

    number: int

    def run(
        self, study: optuna.Study, values: Sequence[Mapping[str, Value]]
    ) -> Iterator[optuna.trial.FrozenTrial]:
        """Yield what came of trials with some values each, in their order.

        Args:
            study: The study, whose complete trials tell when one falls behind.
            values: By config key, of each trial.
        """
        ...


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

    study = optuna.create_study(
        storage=storage,
        study_name=objective.task,
        direction="maximize" if objective.monitor[1] == "max" else "minimize",
        pruner=pruner_of(objective, prune=prune),
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def pruner_of(objective: Objective, *, prune: bool) -> optuna.pruners.BasePruner:
    """Return what stops trials that fall behind, or stops none."""
    import optuna

    if not prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=_TRIALS_WHOLE, n_warmup_steps=int(_SHARE_WHOLE * objective.config.max_epochs)
    )


def run_trials(
    study: optuna.Study,
    objective: Objective,
    budget: Budget,
    progress: Progress,
    others: OtherWorkers | None = None,
) -> Iterator[optuna.trial.FrozenTrial]:
    """Run trials while the budget allows it, and yield each that is done.

    Args:
        study: The study.
        objective: What each trial does.
        budget: How much there may be of it.
        progress: Told of every trial.
        others: Who runs them, several at a time; nothing for this process, one after the other.
    """
    size = 1 if others is None else others.number
    with progress.job(f"tune {objective.config.model.name}", total=budget.trials) as advance:
        finished, spent = _so_far(study)
        advance(finished)
        while budget.allows(finished, spent):
            if others is None:
                done = [_run_one(study, objective, finished, advance)]
            else:
                done = _run_round(study, objective, finished, budget.at_most(size, finished), others)
            for trial in done:
                progress.say(_line(trial, objective.monitor[0]))
                advance(1)
                yield trial
            finished, spent = _so_far(study)


def carry_out(
    objective: Objective, trial: optuna.Trial, values: Mapping[str, Value], tell: Callable[[Epoch], None]
) -> Came:
    """Train with the values of a trial, which keeps how long that took, and why it came to nothing if so.

    Args:
        objective: What the trial does.
        trial: The trial.
        values: By config key.
        tell: Called with every epoch.
    """
    import optuna

    state, value = optuna.trial.TrialState.FAIL, None
    began = time.monotonic()
    try:
        value = objective.run(trial, values, tell)
        state = optuna.trial.TrialState.COMPLETE
        if np.isnan(value):
            trial.set_user_attr("reason", f"{objective.monitor[0]} is not a number")
            state, value = optuna.trial.TrialState.FAIL, None
    except optuna.TrialPruned:
        state = optuna.trial.TrialState.PRUNED
    except ConfigError as error:
        # Values that do not go together, such as 3 heads for 128 channels: to the sampler the worst there is.
        trial.set_user_attr("reason", str(error))
        state = optuna.trial.TrialState.PRUNED
    except Exception as error:  # whatever a model or a plugin raises, the study goes on
        own = isinstance(error, MMGraphError)
        trial.set_user_attr("reason", str(error) if own else f"{type(error).__name__}: {error}")
    trial.set_user_attr("seconds", round(time.monotonic() - began, 3))
    return Came(state, value)


def _so_far(study: optuna.Study) -> tuple[int, float]:
    """Return how many trials came to an end of their own, and how many seconds on the clock those took."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    own = [trial for trial in done if not interrupted(trial)]
    noted = [trial.user_attrs for trial in own]
    return len(own), sum(each.get(_CLOCK, each.get("seconds", 0.0)) for each in noted)


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
    trial, values = _ask(study, objective, position)

    def tell(epoch: Epoch) -> None:
        metric = objective.monitor[0]
        advance(0, f"trial {trial.number}, epoch {epoch.epoch}, {metric} {epoch.validation[metric]:.3f}")

    came = carry_out(objective, trial, values, tell)
    return study.tell(trial, came.value, state=came.state)


def _run_round(
    study: optuna.Study, objective: Objective, position: int, size: int, others: OtherWorkers
) -> list[optuna.trial.FrozenTrial]:
    """Run several trials at a time, and note what came of each once all are done.

    None of them is noted before, so that the next ones are chosen by the same, whoever is done first.
    """
    asked = [_ask(study, objective, position + number) for number in range(size)]
    began = time.monotonic()
    came = list(others.run(study, [values for _, values in asked]))
    clock = (time.monotonic() - began) / size
    for (trial, _), found in zip(asked, came, strict=True):
        for step, reported in found.intermediate_values.items():
            trial.report(reported, step)
        for name, noted in found.user_attrs.items():
            trial.set_user_attr(name, noted)
        trial.set_user_attr(_CLOCK, round(clock, 3))
    # All at once, as a kill in between leaves a part of the round. One that was pruned has its last report
    # for a value already.
    return [
        study.tell(trial, found.value if found.state.name == "COMPLETE" else None, state=found.state)
        for (trial, _), found in zip(asked, came, strict=True)
    ]


def _ask(study: optuna.Study, objective: Objective, position: int) -> tuple[optuna.Trial, dict[str, Value]]:
    """Return the next trial and its values."""
    import optuna

    # A sampler's random state is not kept, so each trial has one of its own: a trial that is repeated after
    # a kill, and those after it, are what they would have been.
    seed = int(np.random.SeedSequence((objective.config.seed, position)).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if position == 0 and not waiting:
        study.enqueue_trial(objective.present())
    trial = study.ask()
    return trial, objective.draw(trial)


def _line(trial: optuna.trial.FrozenTrial, metric: str) -> str:
    reason = trial.user_attrs.get("reason")
    state = {"COMPLETE": "", "PRUNED": "pruned, ", "FAIL": "failed, "}[trial.state.name]
    shown = reason or f"validation {metric} {trial.value:.4f}, {trial.user_attrs['epochs']} epochs"
    return f"trial {trial.number}: {state}{shown} ({trial.user_attrs['seconds']:.1f} s)"
