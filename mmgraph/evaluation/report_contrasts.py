"""The report's table of differences: by how much the subject is better than each entry, and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.contrasts import contrasts, entity_scores
from mmgraph.evaluation.roles import Role
from mmgraph.evaluation.statistics import Estimate
from mmgraph.evaluation.verdict import subject_of
from mmgraph.readable import interval_text, readable

_ROLES = {
    "without_relations": "no relations",
    "without_features": "no features",
    "shuffled": "shuffled relations",
    "rival": "another model",
}


@dataclass(frozen=True)
class ContrastRow:
    """One entry, all of it as text, and whether the difference is more than chance."""

    name: str
    role: str
    gain: str
    interval: str
    p: str
    p_holm: str
    effect: str
    sure: bool


@dataclass(frozen=True)
class Contrasts:
    """What the table of differences shows."""

    subject: str
    caption: str
    rows: tuple[ContrastRow, ...]


def contrasts_section(comparison: Comparison) -> Contrasts | None:
    """Return the table of differences; nothing where trainings are too few to tell them from chance.

    Args:
        comparison: The comparison, with at least one result.
    """
    subject = subject_of(comparison)
    found = contrasts(comparison, subject)
    if not found:
        return None
    if len(comparison.draws) > 1:
        single = "splits"
        caption = (
            "Paired by split, each the mean over its seeds; the variance is corrected for what random splits "
            "have in common (Nadeau and Bengio). "
        )
        if any(contrast.gain.by_least for contrast in found):
            caption += (
                "Where splits agree better than the draw of the tested entities lets them, which the effect "
                "is marked * for, that draw's variance stands for theirs. "
            )
    else:
        within = entity_scores(comparison.of(subject), comparison.headline) is not None
        single = f"trainings, each on as many other {comparison.tested}" if within else "trainings"
        caption = (
            "Between trainings on one split (Welch); the doubt which "
            f"{comparison.tested} are tested {'is' if within else 'is not'} in it. "
        )
    caption += (
        "P-values are two-sided; Holm's correction is for all entries that leave out one part of the "
        "subject, and for all others. The effect is the difference in standard deviations of single "
        f"{single}."
    )
    rows = tuple(
        ContrastRow(
            name=contrast.entry,
            role=_role(contrast.role),
            gain=readable(contrast.gain.mean, signed=True),
            interval=interval_text(contrast.gain.low, contrast.gain.high, signed=True),
            p=_p(contrast.gain.p),
            p_holm=_p(contrast.p_holm),
            effect=_effect(contrast.gain),
            sure=contrast.sign != 0,
        )
        for contrast in found
    )
    return Contrasts(subject, caption, rows)


def _effect(gain: Estimate) -> str:
    mark = "*" if gain.by_least else ""
    return f"{gain.effect:+.1f}{mark}" if math.isfinite(gain.effect) else ""


def _role(role: Role) -> str:
    return f"without {role.left_out}" if role.left_out else _ROLES[role.kind]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
