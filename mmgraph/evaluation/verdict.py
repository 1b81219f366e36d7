"""The answer to the question of a comparison, in words, and as readily no as yes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mmgraph.evaluation.comparison import Comparison, Score, best, higher_is_better

SUBJECT = "hetero_gat"
"""The entry that the question is about, where it takes part."""


@dataclass(frozen=True)
class Verdict:
    """A question and its answer.

    Args:
        question: What is asked.
        answer: ``yes``: ahead of every other entry by more than the spread; ``partly``: of some; ``no``: of
            none; ``open``: nothing to compare, or too few seeds to know a spread.
        sentences: The answer in words.
    """

    question: str
    answer: Literal["yes", "partly", "no", "open"]
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON document."""
        return {"question": self.question, "answer": self.answer, "text": " ".join(self.sentences)}


def judge(comparison: Comparison) -> Verdict:
    """Return whether the subject beats every other entry by more than the spread.

    The spread of a difference is the sum of both standard deviations over seeds. All seeds share one split,
    so that it holds the luck of training and not that of the split. The subject is ``hetero_gat`` where that
    takes part, else the best entry.
    """
    names = [entry.name for entry in comparison.entries if comparison.of(entry.name)]
    if len(names) < 2:
        return Verdict("Which model is best?", "open", ("There are fewer than two results to compare.",))
    metric = comparison.headline
    subject = SUBJECT if SUBJECT in names else best(comparison, metric, names)
    rivals = [name for name in names if name != subject]
    question = f"Does {subject} beat {_listed(rivals, 'and')} by more than the spread?"
    own = comparison.score(subject, metric)
    assert own is not None
    words = metric.replace("_", " ")
    opening = f"{subject} reaches {words} {own} on the test {comparison.tested}."
    if len(own.values) < 2:
        nearest = best(comparison, metric, rivals)
        return Verdict(
            question,
            "open",
            (
                opening,
                f"The best of the others is {nearest} with {comparison.score(nearest, metric)}.",
                "With a single seed there is no spread to hold the difference against: run more seeds.",
            ),
        )
    return _with_spread(comparison, question, subject, rivals, opening)


def document(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison and its verdict as one JSON document: what ``comparison.json`` holds."""
    return {**comparison.to_json(), "verdict": judge(comparison).to_json()}


def _with_spread(
    comparison: Comparison, question: str, subject: str, rivals: list[str], opening: str
) -> Verdict:
    metric = comparison.headline
    own = comparison.score(subject, metric)
    assert own is not None
    ahead: list[str] = []
    level: list[str] = []
    behind: list[str] = []
    for name in rivals:
        other = comparison.score(name, metric)
        assert other is not None
        margin, spread = _margin(own, other, metric), own.std + other.std
        # The comparison is strict: two deterministic entries that are equal are level.
        (ahead if margin > spread else behind if -margin > spread else level).append(name)
    sentences = [opening, f"Its spread is over {len(own.values)} trainings on one and the same split."]
    if ahead:
        nearest = best(comparison, metric, ahead)
        sentences.append(
            f"It is ahead of {_listed(ahead, 'and')} by more than the spread; "
            f"the nearest of them is {_compared(comparison, subject, nearest)}."
        )
    if level:
        nearest = best(comparison, metric, level)
        sentences.append(
            f"Against {_listed(level, 'and')} the difference is within the spread: "
            f"{_compared(comparison, subject, nearest)}."
        )
    if behind:
        nearest = best(comparison, metric, behind)
        sentences.append(
            f"It is behind {_listed(behind, 'and')} by more than the spread: "
            f"{_compared(comparison, subject, nearest)}."
        )
    answer: Literal["yes", "partly", "no"] = "yes" if len(ahead) == len(rivals) else "no"
    if ahead and answer == "no":
        answer = "partly"
    return Verdict(question, answer, tuple(sentences))


def _margin(own: Score, other: Score, metric: str) -> float:
    """Return by how much the first is better than the second."""
    return (own.mean - other.mean) * (1 if higher_is_better(metric) else -1)


def _compared(comparison: Comparison, subject: str, name: str) -> str:
    metric = comparison.headline
    own, other = comparison.score(subject, metric), comparison.score(name, metric)
    assert own is not None
    assert other is not None
    return f"{name} with {other} (difference {own.mean - other.mean:+.3f}, spread {own.std + other.std:.3f})"


def _listed(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
