"""The answer to the question of a comparison, in words, and as readily no as yes.

No is an answer as well, and takes as much: an entry that is better, or an interval that leaves no room for a
gain. Where it leaves room for either, nothing has been shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmgraph.evaluation.comparison import Comparison, best, higher_is_better
from mmgraph.evaluation.contrasts import Contrast, contrasts, entity_scores, interval
from mmgraph.evaluation.metric_range import metric_range
from mmgraph.evaluation.parts import parts_sentences, twins
from mmgraph.evaluation.wording import gain_in_words, has_room, listed, p_in_words, value_in_words, worth

_FEW_SPLITS = 5

Answer = Literal["yes", "partly", "no", "not_shown", "open"]


@dataclass(frozen=True)
class Verdict:
    """A question and its answer.

    Args:
        question: What is asked.
        answer: ``yes``: better than every entry that the question is about; ``partly``: than some, and of the
            graph than itself without it, or than all but those of which nothing tells how sure that is;
            ``no``: neither, and one of them is better, or no gain worth having is within the interval;
            ``not_shown``: neither, and such a gain may yet be there; ``open``: nothing to compare, or a
            single training.
        sentences: The answer in words.
    """

    question: str
    answer: Answer
    sentences: tuple[str, ...]

    @property
    def word(self) -> str:
        """The answer as a headline."""
        return self.answer.replace("_", " ").capitalize()

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON document."""
        return {"question": self.question, "answer": self.answer, "text": " ".join(self.sentences)}


def judge(comparison: Comparison) -> Verdict:
    """Return whether the graph helps the subject, or else whether it beats the other entries.

    Better means by more than chance: the p-value, corrected by Holm for all entries of the same family, is
    below 0.05. Where entries without relations take part, the question is about these, else about all.
    """
    names = comparison.finished
    if len(names) < 2:
        return Verdict("Which model is best?", "open", ("There are fewer than two results to compare.",))
    subject = subject_of(comparison)
    found = contrasts(comparison, subject)
    plain = [name for name in names if comparison.role(name).kind == "without_relations" and name != subject]
    graph = bool(plain) and comparison.role(subject).kind == "rival"
    others = [c for c in found if c.role.kind not in {"relation", "modality"}]
    asked = [c for c in others if c.role.kind == "without_relations"] if graph else others
    rivals = (
        plain if graph else [name for name in names if name != subject and not _is_part(comparison, name)]
    )
    question = f"Does the graph help {subject}?" if graph else f"Does {subject} beat {listed(rivals, 'and')}?"
    reached = f"{value_in_words(comparison, subject)} on the test {comparison.tested}"
    opening = f"{subject} reaches {reached}, {_over(comparison)}."
    if not asked:
        nearest = best(comparison, comparison.headline, rivals)
        return Verdict(
            question,
            "open",
            (
                opening,
                f"The best of the others is {nearest} with {value_in_words(comparison, nearest)}.",
                "A single training cannot be told from chance: run more seeds, or more splits.",
            ),
        )
    answered = _graph(comparison, subject, asked) if graph else _rivals(comparison, asked)
    untold = [name for name in rivals if name not in {contrast.entry for contrast in asked}]
    sentences = [opening, *answered, *_untold(comparison, untold)]
    if graph:
        sentences += _controls(comparison, subject, others)
        sentences += parts_sentences(comparison, subject, found, max(asked, key=_nearest))
    sentences.append(_meaning(comparison))
    answer = _answer(comparison, asked, twins(comparison, subject, asked))
    return Verdict(question, "partly" if answer == "yes" and untold else answer, tuple(sentences))


def subject_of(comparison: Comparison) -> str:
    """Return the entry that the question is about: the one named, else the best on validation."""
    names = comparison.finished
    if comparison.subject in names:
        assert comparison.subject is not None
        return comparison.subject
    return best(comparison, comparison.headline, names, split="validation")


def document(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison, its tests and its verdict as one JSON document: what ``comparison.json`` holds."""
    found = {**comparison.to_json(), "verdict": judge(comparison).to_json()}
    subject = subject_of(comparison)
    found["subject"] = subject
    found["contrasts"] = [contrast.to_json() for contrast in contrasts(comparison, subject)]
    for result in found["results"]:
        own = interval(comparison, result["model"], comparison.headline)
        result["interval"] = None if own is None else [own.low, own.high]
        result["role"] = comparison.role(result["model"]).kind
    return found


def _answer(comparison: Comparison, asked: Sequence[Contrast], own: Sequence[Contrast]) -> Answer:
    """Return whether all, some or none are beaten; none count where it is level without the graph."""
    if all(contrast.sign > 0 for contrast in asked):
        return "yes"
    if any(contrast.sign > 0 for contrast in own or asked):
        return "partly"
    if any(contrast.sign < 0 for contrast in asked):
        return "no"
    return "not_shown" if has_room(comparison, max(asked, key=_nearest)) else "no"


def _room_in_words(comparison: Comparison, asked: Sequence[Contrast]) -> list[str]:
    """Return what a difference that cannot be told from chance may yet be."""
    nearest = max(asked, key=_nearest)
    if nearest.sign != 0 or any(contrast.sign < 0 for contrast in asked):
        return []
    if nearest.gain.high <= 0:
        return ["The interval leaves no room for a gain."]
    most = worth(comparison, min(nearest.gain.high, _possible(comparison, nearest)))
    if has_room(comparison, nearest):
        return [f"That is no proof that there is none: the interval leaves room for a gain of {most}."]
    return [f"The interval leaves no room for a gain of more than {most}."]


def _possible(comparison: Comparison, nearest: Contrast) -> float:
    """Return how far the other entry is from the best value that the metric can have."""
    metric = comparison.headline
    score = comparison.score(nearest.entry, metric)
    assert score is not None
    low, high = metric_range(metric)
    return high - score.mean if higher_is_better(metric) else score.mean - low


def _untold(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """Return which entries the answer leaves out, as nothing tells how sure a difference from them is."""
    if not names:
        return []
    scores = listed([f"{name} with {value_in_words(comparison, name)}" for name in names], "and")
    return [f"Nothing tells how sure the difference is from {scores}: run more seeds, or more splits."]


def _nearest(contrast: Contrast) -> float:
    """Order entries so that the best of them comes last."""
    return -contrast.gain.mean


def _is_part(comparison: Comparison, name: str) -> bool:
    return comparison.role(name).kind in {"relation", "modality"}


def _over(comparison: Comparison) -> str:
    seeds = len(comparison.seeds)
    trained = f"{seeds} seed{'s' if seeds > 1 else ''}"
    splits = len(comparison.draws)
    return (
        f"over {splits} random splits with {trained} each" if splits > 1 else f"over {trained} on one split"
    )


def _graph(comparison: Comparison, subject: str, asked: Sequence[Contrast]) -> list[str]:
    """Return what the graph adds to the best that does without, and to the others."""
    nearest = max(asked, key=_nearest)
    amount = gain_in_words(comparison, nearest.gain)
    against = f"the best entry without it, {nearest.entry} with {value_in_words(comparison, nearest.entry)}"
    if nearest.sign > 0:
        return [f"The graph adds {amount} to {against} ({p_in_words(nearest)})."]
    behind = [c for c in asked if c.sign < 0]
    beaten = [c for c in asked if c.sign > 0]
    if nearest.sign < 0:
        sentences = [
            f"Without the graph there is better: {listed([c.entry for c in behind], 'and')}. "
            f"Against {against}, the subject is worse by {worth(comparison, -nearest.gain.mean)} "
            f"({p_in_words(nearest)})."
        ]
    else:
        sentences = [
            f"The graph adds nothing that can be told from chance to {against}: the difference is {amount} "
            f"({p_in_words(nearest)}).",
            *_room_in_words(comparison, asked),
        ]
    if beaten:
        sentences.append(f"It is better than {listed([c.entry for c in beaten], 'and')} alone.")
        own = twins(comparison, subject, asked)
        if own and not any(contrast.sign > 0 for contrast in own):
            level = any(contrast.sign == 0 for contrast in own)
            sentences.append(
                "That is not shown to be the graph's doing: from the same model without it, no difference "
                "can be told from chance."
                if level
                else "That is not the graph's doing: without it, the same model is better."
            )
    return sentences


def _rivals(comparison: Comparison, asked: Sequence[Contrast]) -> list[str]:
    """Return which entries the subject is ahead of, level with and behind."""
    sentences = []
    for sign, words in (
        (1, "It is ahead of {names} by more than chance; the nearest of them is"),
        (0, "Against {names} the difference cannot be told from chance; the best of them is"),
        (-1, "It is behind {names} by more than chance; the best of them is"),
    ):
        group = [contrast for contrast in asked if contrast.sign == sign]
        if group:
            nearest = max(group, key=_nearest)
            sentences.append(
                f"{words.format(names=listed([c.entry for c in group], 'and'))} {nearest.entry} with "
                f"{value_in_words(comparison, nearest.entry)}: the difference is "
                f"{gain_in_words(comparison, nearest.gain)} ({p_in_words(nearest)})."
            )
            sentences += _room_in_words(comparison, asked) if sign == 0 else []
    return sentences


def _controls(comparison: Comparison, subject: str, others: Sequence[Contrast]) -> list[str]:
    """Return what shuffled edges and relations alone say."""
    sentences = []
    for shuffled in (c for c in others if c.role.kind == "shuffled"):
        amount = gain_in_words(comparison, shuffled.gain)
        if shuffled.sign > 0:
            sentences.append(
                f"It matters which nodes are joined: with shuffled edges {subject} loses {amount} "
                f"({p_in_words(shuffled)})."
            )
        else:
            sentences.append(
                "Which nodes are joined makes no difference that can be told from chance: "
                f"against shuffled edges it is {amount} ({p_in_words(shuffled)})."
            )
    alone = [c for c in others if c.role.kind == "without_features"]
    if alone:
        sentences += _relations_alone(comparison, max(alone, key=_nearest))
    return sentences


def _relations_alone(comparison: Comparison, alone: Contrast) -> list[str]:
    """Return what the best entry without features says of relations and of features."""
    if alone.sign > 0:
        kept = "features add to that"
    elif alone.gain.mean >= 0:
        kept = "features add nothing to that which can be told from chance"
    else:
        more = f"{gain_in_words(comparison, alone.gain.turned)} more than both together"
        kept = more if alone.sign < 0 else f"{more}, which cannot be told from chance"
    sentences = [
        f"Relations alone, without features, reach {value_in_words(comparison, alone.entry)} "
        f"({alone.entry}); {kept} ({p_in_words(alone)})."
    ]
    against = [c for c in contrasts(comparison, alone.entry) if c.role.kind == "without_relations"]
    nearest = max(against, key=_nearest, default=None)
    if alone.gain.mean < 0 and nearest is not None and nearest.gain.mean > 0:
        sentences.append(
            f"That is {gain_in_words(comparison, nearest.gain)} more than the best entry without relations, "
            f"{nearest.entry} ({p_in_words(nearest)})"
            + (
                ": relations tell more than features here, and the subject does not make use of it."
                if nearest.sign > 0
                else "."
            )
        )
    return sentences


def _meaning(comparison: Comparison) -> str:
    """Return what the intervals hold and what they do not."""
    if len(comparison.draws) > 1:
        few = f" With {len(comparison.draws)} splits only large differences can be told from chance."
        return (
            "Intervals hold the luck of the split and of training, corrected for what splits have in common "
            "(Nadeau and Bengio); p-values are corrected for several comparisons (Holm)."
            f"{few if len(comparison.draws) < _FEW_SPLITS else ''}"
        )
    subject = comparison.of(subject_of(comparison))
    told = entity_scores(subject, comparison.headline) is not None
    tested = f" and of which {comparison.tested} are tested" if told else ""
    return (
        f"All trainings share one split: intervals hold the luck of training{tested}, but not of which are "
        "trained on; random splits tell that. "
        "P-values are corrected for several comparisons (Holm)."
    )
