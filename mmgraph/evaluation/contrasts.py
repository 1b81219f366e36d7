"""How the entries of a comparison differ from its subject, and how sure of that one may be.

Where there are several random splits, differences are paired by split, each the mean over its seeds, and the
variance is corrected for what the splits have in common; where the metric is a mean over entities, it is at
least what the draw of the tested ones makes. On a single split the differences are those of trainings, and,
for metrics that are means over entities, of which entities happen to be tested.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.evaluation.bounds import bounded_difference, bounded_score
from mmgraph.evaluation.comparison import Comparison, Trial, higher_is_better, with_target_on_test
from mmgraph.evaluation.roles import Role
from mmgraph.evaluation.statistics import Estimate, Part, between_seeds, holm, over_seeds, over_splits, spread

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Contrast:
    """By how much the subject is better than another entry.

    Args:
        entry: The other entry.
        role: What it is there for.
        gain: By how much the subject is better, also where less of the metric is.
        p_holm: The p-value, corrected for all entries of the same family: those without one part of the
            subject, or all others.
    """

    entry: str
    role: Role
    gain: Estimate
    p_holm: float

    @property
    def sign(self) -> int:
        """1 where the subject is better, -1 where it is worse, 0 where that cannot be told from chance."""
        return int(np.sign(self.gain.mean)) if self.p_holm < SIGNIFICANCE else 0

    def to_json(self) -> dict[str, Any]:
        """Return the contrast as a JSON document."""
        effect = self.gain.effect
        return {
            "model": self.entry,
            "role": self.role.kind,
            "gain": self.gain.mean,
            "interval": [self.gain.low, self.gain.high],
            "p": self.gain.p,
            "p_holm": self.p_holm,
            "effect": effect if np.isfinite(effect) else None,
            "degrees_of_freedom": self.gain.degrees if np.isfinite(self.gain.degrees) else None,
            "variance_by_tested_entities": self.gain.by_least,
        }


def contrasts(comparison: Comparison, subject: str) -> list[Contrast]:
    """Return how every other entry differs from the subject, in the headline metric on the test split.

    Entries without a common split are left out, and those of which nothing tells how sure a difference is.

    Args:
        comparison: The comparison.
        subject: The name of the entry that the others are compared with.
    """
    found: list[tuple[str, Estimate]] = []
    for entry in comparison.entries:
        if entry.name != subject:
            gain = _gain(comparison, subject, entry.name)
            if gain is not None:
                found.append((entry.name, gain))
    adjusted: dict[str, float] = {}
    for family in (True, False):
        members = [(name, gain.p) for name, gain in found if _is_part(comparison.role(name)) == family]
        corrected = holm([p for _, p in members])
        adjusted |= {name: p for (name, _), p in zip(members, corrected, strict=True)}
    return [Contrast(name, comparison.role(name), gain, adjusted[name]) for name, gain in found]


def interval(comparison: Comparison, entry: str, metric: str) -> Estimate | None:
    """Return the mean of a metric of an entry with its interval; nothing where there is none to be had.

    Args:
        comparison: The comparison.
        entry: The name of the entry.
        metric: The metric.
    """
    trials = comparison.of(entry)
    if len(comparison.draws) > 1:
        means = _by_draw(trials, metric)
        if len(means) < 2:
            return None
        least = _least([entity_scores(same, metric) for same in _of_draws(trials).values()])
        found = over_splits(list(means.values()), comparison.overlap, least=least)
        return _with_width(bounded_score(found, metric, tested=_tested(trials)))
    values = [trial.metrics["test"][metric] for trial in trials]
    deterministic = all(trial.history is None for trial in trials)
    drawn = _drawn(entity_scores(trials, metric))
    if not values or (len(values) < 2 and (not deterministic or drawn is None)):
        return None
    return _with_width(bounded_score(over_seeds(values, drawn=drawn), metric, tested=_tested(trials)))


def _with_width(found: Estimate) -> Estimate | None:
    """Return the estimate; nothing if its scores happen to agree, which is no proof of having no doubt."""
    return found if found.low < found.high else None


def over_entities(trial: Trial, metric: str) -> Estimate | None:
    """Return a metric of one trial with the interval that other test entities would move it in.

    Args:
        trial: The trial.
        metric: The metric; nothing for one that is no mean over entities.
    """
    drawn = _drawn(entity_scores([trial], metric))
    if drawn is None:
        return None
    found = over_seeds([trial.metrics["test"][metric]], drawn=drawn)
    return bounded_score(found, metric, tested=_tested([trial]))


def entity_scores(trials: Sequence[Trial], metric: str) -> npt.NDArray[np.float64] | None:
    """Return for each test entity what the metric is the mean of, itself the mean over trials, [n].

    Args:
        trials: Of one entry, on one split.
        metric: A metric.

    Returns:
        More is better; up to a constant. Nothing for a metric that is no mean over entities.
    """
    found = [_scores_of(trial, metric) for trial in trials]
    known = [scores for scores in found if scores is not None]
    return np.mean(known, axis=0) if known and len(known) == len(found) else None


def _scores_of(trial: Trial, metric: str) -> npt.NDArray[np.float64] | None:
    if trial.unit_scores is not None and metric == next(iter(trial.metrics["test"])):
        return trial.unit_scores
    return _reciprocal_ranks(trial) if metric == "mrr" else _scores(trial.predictions, metric)


def _reciprocal_ranks(trial: Trial) -> npt.NDArray[np.float64] | None:
    """Return those of test entities, the mean over both directions of a retrieval."""
    if not {"rank", "rank_back"} <= set(trial.predictions):
        return None
    test = trial.on_test.sort_values("id", kind="stable")
    both = (1 / test[["rank", "rank_back"]].to_numpy(dtype=np.float64)).mean(axis=1)
    return both if np.isfinite(both).all() else None


def _scores(table: pd.DataFrame, metric: str) -> npt.NDArray[np.float64] | None:
    if metric not in _SCORES or not {"id", "split", "target", "prediction"} <= set(table):
        return None
    test = with_target_on_test(table).sort_values("id", kind="stable")
    if test["prediction"].isna().any():
        return None
    if metric == "accuracy":
        hit = test["target"].astype(str).to_numpy() == test["prediction"].astype(str).to_numpy()
        return np.asarray(hit, dtype=np.float64)
    if not all(pd.api.types.is_numeric_dtype(test[column]) for column in ("target", "prediction")):
        return None
    target = test["target"].to_numpy(dtype=np.float64)
    wrong = test["prediction"].to_numpy(dtype=np.float64) - target
    if metric == "mean_absolute_error":
        return np.asarray(-np.abs(wrong), dtype=np.float64)
    scale = target.var() if metric == "r2_score" else 1.0
    return np.asarray(-np.square(wrong) / scale, dtype=np.float64) if scale > 0 else None


_SCORES = ("accuracy", "mean_absolute_error", "mean_squared_error", "r2_score")


def _drawn(scores: npt.NDArray[np.float64] | None) -> Part | None:
    """Return how much the mean over entities would move with other ones."""
    if scores is None or len(scores) < 2:
        return None
    return Part(float(scores.var(ddof=1)) / len(scores), len(scores) - 1)


def _is_part(role: Role) -> bool:
    return role.kind in {"relation", "modality"}


def _gain(comparison: Comparison, subject: str, other: str) -> Estimate | None:
    metric = comparison.headline
    sign = 1 if higher_is_better(metric) else -1
    own, its = comparison.of(subject), comparison.of(other)
    if not own or not its:
        return None
    if len(comparison.draws) > 1:
        left, right = _by_draw(own, metric), _by_draw(its, metric)
        paired = {draw: sign * (left[draw] - right[draw]) for draw in left if draw in right}
        if len(paired) < 2:
            return None
        ours, theirs = _of_draws(own), _of_draws(its)
        least = _least([_score_differences(ours[draw], theirs[draw], metric) for draw in paired])
        return bounded_difference(over_splits(list(paired.values()), comparison.overlap, least=least), metric)
    first, second = ([sign * trial.metrics["test"][metric] for trial in trials] for trials in (own, its))
    if _once(own) or _once(its):
        # How much another seed would change is not known.
        return None
    drawn = _drawn(_score_differences(own, its, metric))
    if drawn is None and spread(first) == spread(second) == 0:
        # Two baselines, or trainings that happen to agree, in a metric that is no mean over entities.
        return None
    return bounded_difference(between_seeds(first, second, drawn=drawn), metric)


def _score_differences(
    own: Sequence[Trial], its: Sequence[Trial], metric: str
) -> npt.NDArray[np.float64] | None:
    """Return by how much the scores of each test entity of a split differ, [n]; nothing if they have none."""
    left, right = entity_scores(own, metric), entity_scores(its, metric)
    if left is None or right is None or len(left) != len(right):
        return None
    return left - right


def _least(scores: Sequence[npt.NDArray[np.float64] | None]) -> float:
    """Return the mean over splits of the variance that comes from which entities are tested."""
    parts = [part.variance for found in scores if (part := _drawn(found)) is not None]
    return float(np.mean(parts)) if parts else 0.0


def _tested(trials: Sequence[Trial]) -> int:
    """Return how many entities or links the metrics of one of the trials were measured on, at least 1."""
    table, units = trials[0].predictions, trials[0].unit_scores
    if "split" not in table:
        return max(1, len(table) if units is None else len(units))
    test = with_target_on_test(table) if "target" in table else table[table["split"] == "test"]
    return max(1, test["id"].nunique() if "id" in test else len(test))


def _once(trials: Sequence[Trial]) -> bool:
    """Return whether a model that has a seed was trained with a single one."""
    return len(trials) == 1 and trials[0].history is not None


def _of_draws(trials: Sequence[Trial]) -> dict[int, list[Trial]]:
    """Return the trials on each split."""
    found: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        found[trial.draw].append(trial)
    return dict(sorted(found.items()))


def _by_draw(trials: Sequence[Trial], metric: str) -> dict[int, float]:
    """Return the mean over seeds for each split."""
    return {
        draw: float(np.mean([trial.metrics["test"][metric] for trial in same]))
        for draw, same in _of_draws(trials).items()
    }
