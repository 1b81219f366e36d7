"""Look for the config of a model that does best on validation."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmgraph.devices import choose_device
from mmgraph.errors import ConfigError
from mmgraph.graph import Graph, load_graph
from mmgraph.progress import Progress
from mmgraph.ray_cluster import ray_cluster, room_for
from mmgraph.tasks import Task
from mmgraph.training.assemble import assemble
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import reproducible
from mmgraph.training.logs import IN_THE_RUN_FOLDER, check_logs
from mmgraph.training.resolve import resolve_config
from mmgraph.tuning.objective import Objective
from mmgraph.tuning.optuna_extra import quiet_optuna
from mmgraph.tuning.space import SearchSpace, assigned_keys, find_space, space_names
from mmgraph.tuning.study import Study, parameter_importances, study_of
from mmgraph.tuning.study_folder import StudyRecord, open_database, open_folder, write_study
from mmgraph.tuning.trials import Budget, open_study, run_trials
from mmgraph.tuning.trials_on_ray import RayWorkers

if TYPE_CHECKING:
    import optuna

USUAL_TRIALS = 50


def tune(
    graph: Graph | str | Path,
    *,
    task: str,
    model: str | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    space: SearchSpace | str | Path | None = None,
    config: TrainConfig | str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    engine: str | None = None,
    workers: int = 1,
    prune: bool = True,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Train a model with many configs and find the one that does best on validation; test is never looked at.

    The first trial is the config as it is. The next ones are drawn at random, and then by the Tree-structured
    Parzen Estimator (`Watanabe 2023 <https://arxiv.org/abs/2304.11127>`_). A trial whose best epoch so far is
    worse than the median of earlier trials at that epoch is pruned. One that raises is noted with its reason,
    and the study goes on. The same arguments give the same trials, in one go or resumed.

    Several workers of a cluster run a round of trials at a time, each chosen by the trials of the rounds
    before: another number of workers gives other trials.

    Args:
        graph: A graph, or its folder.
        task: One of the graph's tasks.
        model: A registered model, or the path to a config; ``hetero_gat`` by default.
        trials: How many trials the study has in all; 50 by default, unless ``minutes`` are given.
        minutes: After how many minutes of trials no other begins.
        space: The search space: the name of a shipped one, a file, or one made in Python; by default the one
            that has the model's name.
        config: The name of a shipped config, a path, or a config: what trials do not vary.
        overrides: Assignments to config keys, e.g. ``max_epochs=50``; trials do not vary these keys.
        seed: Seeds the choice of configs and every training; by default the config's.
        engine: Where trials run: ``local`` in this process, or ``ray`` in the workers of a cluster, which
            needs a graph folder that all its nodes see; by default the config's.
        workers: How many trials run at a time, with the engine ``ray``.
        prune: Stop trials that fall behind.
        out: The folder of the study, to be gone on with later; nothing is written by default.
        resume: Go on with the study in ``out``, up to ``trials`` and ``minutes`` in all. If there is none, it
            begins.
        overwrite: Replace an earlier study.
        progress: Told of every trial; nothing to tell nobody.

    Raises:
        ConfigError: If the config, the space or the budget cannot be used, or the study there is another one.
        GraphError: If the graph or its labels cannot be used.
        RunError: If no trial came to an end, or another process is at the study.
        UserError: If ``out`` is there already and must not be replaced.
        MissingDependencyError: If Optuna, or Ray, is not installed.
    """
    progress = progress or Progress(quiet=True)
    budget = _budget(trials, minutes)
    opened = graph if isinstance(graph, Graph) else load_graph(graph)
    resolved = resolve_config(model=model, config=config, overrides=overrides, seed=seed, engine=engine)
    engine = resolved.engine
    _check_workers(engine, workers, opened)
    _require_logs_elsewhere(resolved)
    if resolved.devices > 1:
        raise ConfigError(
            f"got {resolved.devices}, but a trial trains on one",
            where="devices",
            fix="Leave it out, and train the best config on several devices.",
        )
    # Whoever runs a trial trains in its own process.
    resolved = resolved.model_copy(update={"engine": "local"})
    with quiet_optuna(), contextlib.ExitStack() as held:
        objective = _objective(opened, task, resolved, space, overrides)
        storage, folder = None, None
        if out is not None:
            folder, record = Path(out), _record(objective, prune)
            known = held.enter_context(open_folder(folder, record, resume=resume, overwrite=overwrite))
            progress.say(f"{'go on with' if known else 'begin'} the study in {folder}")
            storage = open_database(folder)
            held.callback(storage.engine.dispose)
            held.callback(storage.remove_session)
        elif resume:
            raise ConfigError("a study without a folder cannot go on", where="resume", fix="Pass out.")
        optimised = open_study(objective, prune=prune, storage=storage)
        others = None
        if engine == "ray":
            ray = held.enter_context(ray_cluster())
            room = room_for(ray, workers, device=resolved.device)
            others = RayWorkers(ray, room, objective, prune=prune)
        for trial in run_trials(optimised, objective, budget, progress, others):
            # What is found so far is in the folder whenever the process is killed.
            if folder is not None and trial.state.name == "COMPLETE":
                write_study(_found(optimised, objective, folder))
        found = replace(_found(optimised, objective, folder), importances=parameter_importances(optimised))
        if folder is not None:
            write_study(found)
    return found


def _check_workers(engine: str, workers: int, graph: Graph) -> None:
    """Make sure that there can be so many workers.

    Raises:
        ConfigError: If there cannot.
    """
    if workers < 1:
        raise ConfigError(f"got {workers}; wanted at least 1", where="workers", fix="Change the value.")
    if engine == "local" and workers > 1:
        raise ConfigError(
            f"got {workers}, but trials run one after the other in this process",
            where="workers",
            fix="Set the engine to ray, which needs no cluster beyond this machine.",
        )
    if engine == "ray" and graph.place is None:
        raise ConfigError(
            "got ray, but the graph is in the memory of this process",
            where="engine",
            fix="Save it (graph.save(folder)) and tune on the folder.",
        )


def _require_logs_elsewhere(config: TrainConfig) -> None:
    """Make sure that what trials report to is there, and is not in the run folders that they do not write.

    Raises:
        ConfigError: If it is.
        MissingDependencyError: If a library is not installed.
    """
    for name in config.report_to or ():
        if name in IN_THE_RUN_FOLDER:
            raise ConfigError(
                f"{name} writes to a run folder, and the trials of a study write none",
                where="report_to",
                fix=f"Leave {name} out. What trials come to is in trials.csv.",
            )
    check_logs(config, in_folder=False)


def _budget(trials: int | None, minutes: float | None) -> Budget:
    for name, value in (("--trials", trials), ("--minutes", minutes)):
        if value is not None and not value > 0:
            raise ConfigError(f"got {value:g}; wanted a number above 0", where=name, fix="Change the value.")
    if trials is None and minutes is None:
        trials = USUAL_TRIALS
    return Budget(trials, None if minutes is None else 60 * minutes)


def _objective(
    graph: Graph,
    task: str,
    config: TrainConfig,
    space: SearchSpace | str | Path | None,
    overrides: Sequence[str],
) -> Objective:
    """Return what trials do, once the config as it is is known to make a model.

    Raises:
        MMGraphError: If it does not, or the space does not fit.
    """
    if space is None and config.model.name not in space_names():
        raise ConfigError(
            f"there is no search space for the model {config.model.name!r}",
            where="--space",
            fix="Write one (docs/how_to/tune.md), or pass --space base, which fits every model.",
        )
    found = space if isinstance(space, SearchSpace) else find_space(space or config.model.name)
    found = found.without(assigned_keys(overrides))
    found.check_model(config.model)
    learn = Task.from_graph(graph, task)
    learn.rows("validation")
    with reproducible(config.seed, choose_device(config.device)):
        assemble(graph, task, config)
    return Objective(graph, task, config, found, learn.monitor)


def _record(objective: Objective, prune: bool) -> StudyRecord:
    metric, direction = objective.monitor
    return StudyRecord(
        graph=objective.graph.name,
        fingerprint=objective.graph.fingerprint(),
        task=objective.task,
        metric=metric,
        direction=direction,
        seed=objective.config.seed,
        prune=prune,
        config=objective.config.model_dump(mode="json"),
        space=objective.space.to_json(),
    )


def _found(study: optuna.Study, objective: Objective, folder: Path | None) -> Study:
    keys = list(objective.space.parameters)
    return study_of(study, task=objective.task, monitor=objective.monitor, keys=keys, folder=folder)
