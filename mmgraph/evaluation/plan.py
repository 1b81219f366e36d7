"""What a comparison will do: entries, seeds, configs and features, all checked before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmgraph.errors import ConfigError
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.concatenate import concatenated_features
from mmgraph.evaluation.entries import Entry, parse_entries
from mmgraph.graph.graph import Graph
from mmgraph.graph.store import load_graph
from mmgraph.tasks.few_labels import FewLabels
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.task import Task
from mmgraph.training.resolve import resolve_config

_MODELS = ("mlp", "cross_modal_transformer", "co_attention", "hetero_gat")


@dataclass(frozen=True)
class Plan:
    """Everything that a comparison needs.

    Args:
        graph: The graph.
        folder: Where the graph is, if it is on disk.
        view: The graph as the task sees it.
        task: The task, with the training labels that the first seed may read.
        entries: What is compared.
        overrides: Config overrides for all models.
        seeds: The seeds.
        features: The concatenated features, float32 [N, D], where a baseline reads them.
    """

    graph: Graph
    folder: Path | None
    view: Graph
    task: Task
    entries: tuple[Entry, ...]
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    features: npt.NDArray[np.float32] | None

    def seeds_of(self, entry: Entry) -> tuple[int, ...]:
        """Return the seeds of an entry: a baseline has none, so it runs once."""
        return self.seeds[:1] if entry.is_baseline else self.seeds


def plan_comparison(
    graph: Graph | str | Path,
    task: str,
    models: Sequence[str] | None,
    seeds: int | Sequence[int],
    overrides: Sequence[str] = (),
) -> Plan:
    """Return what a comparison will do, once all of it is known to be possible.

    Raises:
        ConfigError: If an entry, a seed or an override cannot be used.
        GraphError: If the task has no labelled test entities.
    """
    chosen = _seeds(seeds)
    folder = None if isinstance(graph, Graph) else Path(graph)
    opened = graph if isinstance(graph, Graph) else load_graph(graph)
    every = Task.from_graph(opened, task)
    share = resolve_config(overrides=overrides).label_share
    made = Task.from_graph(opened, task, TaskOptions(few_labels=FewLabels(share, chosen[0])))
    entries = parse_entries(usual_models(made.labels.kind) if models is None else models)
    made.rows("test")
    view = opened.view(task)
    for entry in entries:
        if entry.is_baseline:
            BASELINES[entry.model].check(made)
        else:
            resolve_config(model=entry.model, overrides=[*overrides, *entry.overrides], seed=chosen[0])
    features = None
    if any(BASELINES[e.model].reads_features for e in entries if e.is_baseline):
        # The modalities of entities whose labels are not read are there all the same.
        features = concatenated_features(view, made.labels.entity, every.rows("train").numpy())
    return Plan(opened, folder, view, made, tuple(entries), tuple(overrides), chosen, features)


def usual_models(kind: str) -> list[str]:
    """Return what is compared where nobody says what: the baselines of a kind of task, and four models.

    Example:
        >>> usual_models("regression")
        ['ridge', 'mlp', 'cross_modal_transformer', 'co_attention', 'hetero_gat']
    """
    return [name for name, baseline in BASELINES.items() if kind in baseline.kinds] + list(_MODELS)


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return the seeds that a number of seeds, or a list of them, stands for."""
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen or len(set(chosen)) < len(chosen) or any(not 0 <= seed < 2**32 for seed in chosen):
        raise ConfigError(
            f"got {seeds!r}; wanted how many seeds, at least 1, or different seeds from 0 up to 2**32 - 1",
            where="--seeds",
        )
    return chosen
