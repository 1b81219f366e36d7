"""The search that every model of a comparison gets alike: so many configs, judged on validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmgraph.graph.graph import Graph
from mmgraph.training.config import TrainConfig
from mmgraph.tuning.optuna_extra import quiet_optuna
from mmgraph.tuning.space import assigned_keys, find_space, space_names
from mmgraph.tuning.tune import tune


def space_of(config: TrainConfig) -> str:
    """Return the name of the space that is searched for a model: its own, or the one that fits all."""
    own = config.model.layers is None and config.model.name in space_names()
    return config.model.name if own else "base"


def check_search(config: TrainConfig, overrides: Sequence[str]) -> None:
    """Make sure that there is something to search for a model.

    Raises:
        ConfigError: If every key of the space is set already.
        MissingDependencyError: If Optuna is not installed.
    """
    with quiet_optuna():
        space = find_space(space_of(config)).without(assigned_keys(overrides))
        space.check_model(config.model)


def chosen_config(
    graph: Graph,
    task: str,
    model: str,
    overrides: Sequence[str],
    *,
    space: str,
    trials: int,
    seed: int,
    out: Path | None,
) -> TrainConfig:
    """Return the config that does best on validation, of as many as every other model gets.

    Args:
        graph: The graph with one split.
        task: The name of the task.
        model: The model.
        overrides: Config overrides; the search does not vary these keys.
        space: The name of the search space.
        trials: How many configs, the one as it is among them.
        seed: Seeds the choice of configs and every training.
        out: The folder of the study, which goes on where it was; nothing to write none.
    """
    study = tune(
        graph,
        task=task,
        model=model,
        trials=trials,
        space=space,
        overrides=overrides,
        seed=seed,
        out=out,
        resume=out is not None,
    )
    return study.best_config
