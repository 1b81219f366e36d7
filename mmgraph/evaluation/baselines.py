"""Baselines: features without a graph, relations without features; counts of links, maps of modalities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from mmgraph.errors import ConfigError
from mmgraph.evaluation.feature_baselines import gradient_boosting, logistic_regression, ridge
from mmgraph.evaluation.fitted import Features, Fitted, fitted_entities
from mmgraph.evaluation.label_baselines import one_vs_rest, prior
from mmgraph.evaluation.label_propagation import label_propagation
from mmgraph.evaluation.link_baselines import (
    Found,
    adamic_adar,
    common_neighbours,
    matrix_factorisation,
    popularity,
)
from mmgraph.evaluation.retrieval_baselines import Found as FoundSides
from mmgraph.evaluation.retrieval_baselines import (
    calibrated,
    cca,
    chance,
    closed_form,
    kernel_map,
    linear_map,
)
from mmgraph.graph.graph import Graph
from mmgraph.tasks.link_prediction import LinkPrediction
from mmgraph.tasks.matching import Matching
from mmgraph.tasks.multi_label import MultiLabel
from mmgraph.tasks.pair_task import PairTask
from mmgraph.tasks.retrieval import Retrieval
from mmgraph.tasks.task import Task


@dataclass(frozen=True)
class Baseline:
    """A simple model and the kinds of tasks that it is for.

    Args:
        name: Its name.
        kinds: The registered names of the tasks that it can do.
        make: From a task, the concatenated features where it reads them, and the graph as the task sees it
            where it reads relations, to the fitted baseline.
        reads_features: Whether it reads the concatenated features.
        reads_relations: Whether it reads relations.
    """

    name: str
    kinds: tuple[str, ...]
    make: Callable[[Task, Features | None, Graph | None], Fitted]
    reads_features: bool = True
    reads_relations: bool = False

    def fit(self, task: Task, features: Features | None, view: Graph | None = None) -> Fitted:
        """Return the fitted baseline.

        Args:
            task: The task.
            features: The concatenated features, float32 [N, D], if it reads them.
            view: The graph as the task sees it, if it reads more of it than the task itself holds.
        """
        return self.make(task, features, view)

    def check(self, task: Task) -> None:
        """Make sure that the baseline can do a task.

        Raises:
            ConfigError: If it cannot; the message names the baseline that can, if there is one.
        """
        if task.labels.kind not in self.kinds:
            others = [repr(other.name) for other in BASELINES.values() if task.labels.kind in other.kinds]
            raise ConfigError(
                f"the baseline {self.name!r} is for {' and '.join(self.kinds)}; "
                f"the task {task.labels.task!r} is {task.labels.kind}",
                where="--models",
                fix=f"Use {' or '.join(others)} instead." if others else "Leave it out.",
            )

    def lacks(self, task: Task, view: Graph) -> bool:
        """Return whether the graph has nothing of what the baseline reads."""
        if self.reads_relations and not view.schema.relations:
            return True
        own = [t for t in view.schema.node_types if t.entity == task.labels.entity]
        return self.reads_features and all(t.modality is None for t in own)


def _of_features(name: str, kind: tuple[str, ...], find: Callable[[Task, Features], Fitted]) -> Baseline:
    """Return a baseline that reads the concatenated features."""

    def make(task: Task, features: Features | None, view: Graph | None) -> Fitted:  # noqa: ARG001
        assert features is not None
        return find(task, features)

    return Baseline(name, kind, make)


def _label_propagation(task: Task, features: Features | None, view: Graph | None) -> Fitted:  # noqa: ARG001
    assert view is not None
    return label_propagation(task, view)


def _prior(task: Task, features: Features | None, view: Graph | None) -> Fitted:  # noqa: ARG001
    assert isinstance(task, MultiLabel)
    output, chosen = prior(task)
    return fitted_entities(task, output, {"name": "prior", **chosen})


def _one_vs_rest(task: Task, features: Features) -> Fitted:
    assert isinstance(task, MultiLabel)
    output, chosen = one_vs_rest(task, features)
    return fitted_entities(task, output, {"name": "one_vs_rest", **chosen})


def _of_links(name: str, find: Callable[[LinkPrediction], Found]) -> Baseline:
    """Return a baseline that scores links by the training links."""

    def make(task: Task, features: Features | None, view: Graph | None) -> Fitted:  # noqa: ARG001
        assert isinstance(task, LinkPrediction)
        score, chosen = find(task)
        return Fitted(lambda rows: task.rank(score, rows), task.recommend(score), {"name": name, **chosen})

    return Baseline(name, ("link_prediction",), make, reads_features=False, reads_relations=True)


def _of_modalities(name: str, find: Callable[[PairTask], FoundSides]) -> Baseline:
    """Return a baseline that compares two modalities."""

    def make(task: Task, features: Features | None, view: Graph | None) -> Fitted:  # noqa: ARG001
        assert isinstance(task, Retrieval | Matching)
        sides, chosen = find(task)
        if isinstance(task, Matching):
            sides = calibrated(task, sides)

        def output(rows: Tensor) -> Tensor:
            return task.judge(sides, rows)

        return Fitted(output, task.predictions(output), {"name": name, **chosen})

    return Baseline(name, ("retrieval", "matching"), make, reads_features=False)


BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        _of_features("logistic_regression", ("classification",), logistic_regression),
        _of_features("ridge", ("regression",), ridge),
        _of_features("gradient_boosting", ("classification", "regression"), gradient_boosting),
        Baseline("prior", ("multi_label",), _prior, reads_features=False),
        _of_features("one_vs_rest", ("multi_label",), _one_vs_rest),
        Baseline(
            "label_propagation",
            ("classification", "regression", "multi_label"),
            _label_propagation,
            reads_features=False,
            reads_relations=True,
        ),
        _of_links("common_neighbours", common_neighbours),
        _of_links("adamic_adar", adamic_adar),
        _of_links("popularity", popularity),
        _of_links("matrix_factorisation", matrix_factorisation),
        _of_modalities("chance", chance),
        _of_modalities("cca", cca),
        _of_modalities("linear_map", linear_map),
        _of_modalities("kernel_map", kernel_map),
        _of_modalities("closed_form", closed_form),
    )
}
