"""Trials in the workers of a Ray cluster, several at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgraph.errors import MMGraphError
from mmgraph.graph import load_graph
from mmgraph.ray_cluster import MOST_LOSSES, Surroundings, Workers
from mmgraph.tasks.task import Direction
from mmgraph.training.config import TrainConfig
from mmgraph.training.history import Epoch
from mmgraph.training.launch_on_ray import require_shared
from mmgraph.tuning.objective import Objective
from mmgraph.tuning.optuna_extra import quiet_optuna
from mmgraph.tuning.parameter import Value
from mmgraph.tuning.space import SearchSpace
from mmgraph.tuning.trials import carry_out, open_study

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class _Sent:
    """What a worker makes the objective of: it opens the graph by itself."""

    graph: str | Path
    task: str
    config: TrainConfig
    space: SearchSpace
    monitor: tuple[str, Direction]
    prune: bool
    surroundings: Surroundings

    def objective(self) -> Objective:
        return Objective(load_graph(self.graph), self.task, self.config, self.space, self.monitor)


class RayWorkers:
    """Workers of a cluster, each of which runs one trial of a round.

    A trial whose worker is lost is begun again by another one, which comes to the same.

    Args:
        ray: From :func:`~mmgraph.ray_cluster.ray_cluster`.
        workers: How many, and what each has.
        objective: What a trial does; its graph is where all nodes see it.
        prune: Whether trials are stopped that fall behind.
    """

    def __init__(self, ray: Any, workers: Workers, objective: Objective, *, prune: bool) -> None:
        assert objective.graph.place is not None
        self.number = workers.number
        self._ray = ray
        self._sent = _Sent(
            graph=objective.graph.place,
            task=objective.task,
            config=objective.config,
            space=objective.space,
            monitor=objective.monitor,
            prune=prune,
            surroundings=Surroundings.of(workers),
        )
        self._run = ray.remote(_run_trial).options(
            num_cpus=workers.cpus, num_gpus=workers.gpus, max_retries=MOST_LOSSES
        )

    def run(
        self, study: optuna.Study, values: Sequence[Mapping[str, Value]]
    ) -> Iterator[optuna.trial.FrozenTrial]:
        """Yield what came of trials; see :class:`~mmgraph.tuning.trials.OtherWorkers`.

        Raises:
            MMGraphError: If a worker cannot open the graph.
        """
        from optuna.trial import TrialState

        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        began = time.monotonic()
        running = [self._run.remote(self._sent, complete, dict(each)) for each in values]
        try:
            for one in running:
                yield self._result(one, began)
        except BaseException:
            for one in running:
                self._ray.cancel(one, force=True)
            raise

    def _result(self, running: Any, began: float) -> optuna.trial.FrozenTrial:
        import optuna
        from ray.exceptions import RayError, RayTaskError

        try:
            trial: optuna.trial.FrozenTrial = self._ray.get(running)
            return trial
        except RayTaskError as error:
            if isinstance(error.cause, MMGraphError):
                raise error.cause from None
            raise
        except RayError as error:
            reason = f"its worker was lost {MOST_LOSSES + 1} times: {type(error).__name__}"
            seconds = round(time.monotonic() - began, 3)
            return optuna.trial.create_trial(
                state=optuna.trial.TrialState.FAIL, user_attrs={"reason": reason, "seconds": seconds}
            )


def _run_trial(
    sent: _Sent, complete: Sequence[optuna.trial.FrozenTrial], values: Mapping[str, Value]
) -> optuna.trial.FrozenTrial:
    """Run a trial in a study of its own, which knows what others have come to."""
    sent.surroundings.take_over()
    if isinstance(sent.graph, Path):
        require_shared([sent.graph])
    objective = sent.objective()
    with quiet_optuna():
        study = open_study(objective, prune=sent.prune, storage=None)
        study.add_trials(complete)
        trial = study.ask()
        came = carry_out(objective, trial, values, _tell_nobody)
        return study.tell(trial, came.value, state=came.state)


def _tell_nobody(epoch: Epoch) -> None: ...
