"""The outcome of a comparison: every trial, means and spreads, and how they are written."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.data.task_spec import AnyTaskSpec, LinkTaskSpec, MatchingTaskSpec
from mmgraph.errors import Fault, MMGraphError, UserError
from mmgraph.evaluation.entries import Entry
from mmgraph.evaluation.metric_range import is_count
from mmgraph.evaluation.roles import Role
from mmgraph.readable import readable, with_spread

FORMAT = 2


@dataclass(frozen=True)
class Trial:
    """One entry with one seed on one split.

    Args:
        entry: The name of the entry.
        seed: The seed.
        metrics: Split -> metric -> value.
        predictions: What it says: for most tasks one row for each entity, id, split, target, prediction.
        history: One row for each epoch, or ``None`` for a baseline.
        config: The resolved config, or what a baseline chose.
        draw: The number of the split; 0 is the graph's own.
        parameters: How many weights were trained; nothing for a baseline.
        seconds: How long it took.
        unit_scores: What the main metric on test is the mean of, float64 [U], where predictions do not tell
            it; see :func:`mmgraph.evaluation.unit_scores.unit_scores`.
    """

    entry: str
    seed: int
    metrics: dict[str, dict[str, float]]
    predictions: pd.DataFrame
    history: pd.DataFrame | None
    config: dict[str, Any]
    draw: int = 0
    parameters: int | None = None
    seconds: float = 0.0
    unit_scores: npt.NDArray[np.float64] | None = None

    @property
    def on_test(self) -> pd.DataFrame:
        """What it says of the test entities that have a target."""
        return with_target_on_test(self.predictions)


@dataclass(frozen=True)
class Failure:
    """A trial that raised."""

    entry: str
    seed: int
    error: Exception
    draw: int = 0

    @property
    def reason(self) -> str:
        """What was raised: mmgraph's own message, or any other error with its kind."""
        own = isinstance(self.error, MMGraphError)
        return str(self.error) if own else f"{type(self.error).__name__}: {self.error}"

    def __str__(self) -> str:
        """Return the entry, the seed and the reason."""
        return f"{self.name}: {self.reason}"

    @property
    def name(self) -> str:
        """The entry, the split if it is not the graph's own, and the seed."""
        return f"{self.entry}, {f'split {self.draw}, ' if self.draw else ''}seed {self.seed}"


@dataclass(frozen=True)
class Score:
    """A metric of one entry over its seeds and splits.

    Args:
        values: One value for each trial that ended well.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over trials."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float:
        """The sample standard deviation over trials; 0 where there is one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    def __str__(self) -> str:
        """Return mean and spread as a table shows them."""
        return with_spread(self.mean, self.std) if len(self.values) > 1 else readable(self.mean)


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Args:
        graph: The name of the graph.
        fingerprint: The fingerprint of the graph.
        task: The name of the task.
        spec: The task.
        monitor: The metric that validation watches, and ``max`` or ``min``.
        entries: What was compared, in the order asked for.
        overrides: Config overrides for all models.
        seeds: The seeds.
        trials: What ended well.
        failures: What raised.
        subject: The entry that the question is about; nothing for the best on validation.
        roles: What each entry is there for; one that is not named is a rival.
        draws: The numbers of the splits; 0 is the graph's own.
        overlap: The number of test entities divided by that of training entities.
        searched: How many configs were tried on validation for each model and split; 0 for none.
        folder: Where it was written, or ``None``.
    """

    graph: str
    fingerprint: str
    task: str
    spec: AnyTaskSpec
    monitor: tuple[str, str]
    entries: tuple[Entry, ...]
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: tuple[Trial, ...]
    failures: tuple[Failure, ...] = ()
    subject: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    draws: tuple[int, ...] = (0,)
    overlap: float = 0.0
    searched: int = 0
    folder: Path | None = field(default=None, compare=False)

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics that all trials have on test, the headline first."""
        every = [trial.metrics["test"] for trial in self.trials]
        return [name for name in every[0] if all(name in found for found in every)] if every else []

    def score_text(self, name: str, metric: str) -> str:
        """Return the mean and spread of a metric of an entry as tables show them; nothing if it failed."""
        score = self.score(name, metric)
        if score is None:
            return ""
        return f"{score.mean:,.0f}" if is_count(metric) else str(score)

    @property
    def headline(self) -> str:
        """The metric that the verdict is about: the one that the task names first."""
        return self.metrics[0]

    @property
    def finished(self) -> list[str]:
        """The names of the entries with a result, in their order."""
        return [entry.name for entry in self.entries if self.of(entry.name)]

    @property
    def tested(self) -> str:
        """What the metrics were measured on, in the plural."""
        if isinstance(self.spec, MatchingTaskSpec):
            return "pairs"
        return "links" if isinstance(self.spec, LinkTaskSpec) else "entities"

    def of(self, entry: str) -> list[Trial]:
        """Return the trials of one entry."""
        return [trial for trial in self.trials if trial.entry == entry]

    def score(self, entry: str, metric: str, split: str = "test") -> Score | None:
        """Return a metric of an entry over its trials, or ``None`` where none ended well."""
        values = tuple(trial.metrics[split][metric] for trial in self.of(entry))
        return Score(values) if values else None

    def role(self, entry: str) -> Role:
        """Return what an entry is there for."""
        return self.roles.get(entry, Role("rival"))

    def parameters(self, entry: str) -> int | None:
        """Return how many weights an entry trains, the most of all trials; nothing for a baseline."""
        return max((t.parameters for t in self.of(entry) if t.parameters is not None), default=None)

    def seconds(self, entry: str) -> float:
        """Return how long all trials of an entry took, without the search for its config."""
        return sum(trial.seconds for trial in self.of(entry))

    def table(self) -> pd.DataFrame:
        """Return one row for each entry, draw of the split, seed, part of the split and metric."""
        rows = [
            (trial.entry, trial.draw, trial.seed, split, metric, trial.metrics[split][metric])
            for trial in self.trials
            for split in trial.metrics
            for metric in trial.metrics[split]
        ]
        return pd.DataFrame(rows, columns=["model", "draw", "seed", "split", "metric", "value"])

    def summary(self, split: str = "test") -> pd.DataFrame:
        """Return one row for each entry and metric: mean, sample standard deviation, number of runs."""
        rows = []
        for entry in self.entries:
            for metric in self.metrics:
                score = self.score(entry.name, metric, split)
                if score is not None:
                    rows.append((entry.name, metric, score.mean, score.std, len(score.values)))
        return pd.DataFrame(rows, columns=["model", "metric", "mean", "std", "runs"])

    def to_json(self) -> dict[str, Any]:
        """Return everything but predictions and histories, which the runs keep, as a JSON document."""
        return {
            "format": FORMAT,
            "graph": {"name": self.graph, "fingerprint": self.fingerprint},
            "task": self.task,
            "split": "test",
            "draws": list(self.draws),
            "seeds": list(self.seeds),
            "searched": self.searched,
            "headline": self.headline if self.trials else None,
            "results": [self._entry_json(entry) for entry in self.entries],
            "budget": {
                entry.name: {
                    "parameters": self.parameters(entry.name),
                    "seconds": round(self.seconds(entry.name), 3),
                }
                for entry in self.entries
            },
            "failures": [
                {
                    "model": failure.entry,
                    "draw": failure.draw,
                    "seed": failure.seed,
                    "error": failure.reason,
                }
                for failure in self.failures
            ],
        }

    def _entry_json(self, entry: Entry) -> dict[str, Any]:
        scores = {metric: self.score(entry.name, metric) for metric in self.metrics}
        return {
            "model": entry.name,
            "metrics": {
                metric: {"mean": score.mean, "std": score.std, "values": list(score.values)}
                for metric, score in scores.items()
                if score is not None
            },
            "draws": [trial.draw for trial in self.of(entry.name)],
            "seeds": [trial.seed for trial in self.of(entry.name)],
        }


def failed(failures: Sequence[Failure]) -> MMGraphError:
    """Return one error that names every trial that raised; it is the user's where the first one's is.

    Args:
        failures: The trials, at least one.
    """
    kind = UserError if isinstance(failures[0].error, UserError) else MMGraphError
    error = kind.of(Fault(failure.name, f"failed: {failure.reason}") for failure in failures)
    error.__cause__ = failures[0].error
    return error


def higher_is_better(metric: str) -> bool:
    """Return whether more of a metric is better: of all but errors, as torchmetrics calls them, and ranks.

    Example:
        >>> [higher_is_better(name) for name in ("accuracy", "mean_absolute_error", "a_to_b_median_rank")]
        [True, False, False]
    """
    return not metric.endswith(("_error", "median_rank"))


def with_target_on_test(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the test entities that have a target."""
    return predictions[(predictions["split"] == "test") & predictions["target"].notna()]


def leaders(comparison: Comparison, names: Sequence[str]) -> dict[str, str]:
    """Return by metric which of some entries is the best on test; none of what is no merit of an entry."""
    judged = [metric for metric in comparison.metrics if not is_count(metric)]
    return {metric: best(comparison, metric, names) for metric in judged}


def best(comparison: Comparison, metric: str, names: Sequence[str], *, split: str = "test") -> str:
    """Return the one of some entries with the best mean of a metric on a part of the split."""
    sign = 1 if higher_is_better(metric) else -1

    def key(name: str) -> float:
        score = comparison.score(name, metric, split)
        return float("-inf") if score is None else sign * score.mean

    return max(names, key=key)
