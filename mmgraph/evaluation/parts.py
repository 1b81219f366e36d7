"""What each relation and each modality is worth to the subject of a comparison, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.contrasts import Contrast
from mmgraph.evaluation.wording import gain_in_words, has_room, listed, p_in_words

_MOST = 0.5
"""From what share of what the graph adds one relation carries most of it."""


def parts_sentences(
    comparison: Comparison, subject: str, found: Sequence[Contrast], nearest: Contrast
) -> list[str]:
    """Return what is lost without each relation and each modality.

    Args:
        comparison: The comparison.
        subject: The entry that it is about.
        found: How all others differ from it.
        nearest: How the best entry without relations does, which counts where the subject without them does
            not take part.
    """
    own = twins(comparison, subject, found)
    added = max(contrast.gain.mean for contrast in own or [nearest])
    relations = _of(found, "relation")
    return [
        *(_relations(comparison, relations, added) if relations else []),
        *_modalities(comparison, _of(found, "modality")),
    ]


def twins(comparison: Comparison, subject: str, found: Sequence[Contrast]) -> list[Contrast]:
    """Return the entries that are the subject's own model without relations."""
    models = {entry.name: entry.model for entry in comparison.entries}
    return [
        contrast
        for contrast in found
        if contrast.role.kind == "without_relations" and models[contrast.entry] == models[subject]
    ]


def _of(found: Sequence[Contrast], kind: Literal["relation", "modality"]) -> list[Contrast]:
    """Return the entries without one part, what is lost most first."""
    return sorted((c for c in found if c.role.kind == kind), key=lambda c: -c.gain.mean)


def _relations(comparison: Comparison, relations: Sequence[Contrast], added: float) -> list[str]:
    missed = [contrast for contrast in relations if contrast.sign > 0]
    harmful = [contrast for contrast in relations if contrast.sign < 0]
    sentences = []
    if missed:
        first = missed[0]
        carries = (
            "carries most of it" if first.gain.mean >= _MOST * added else "matters most of all relations"
        )
        sentences.append(f"{_name(first)} {carries}: {_loss(comparison, first)}.")
        if missed[1:]:
            sentences.append(
                f"{listed([_name(c) for c in missed[1:]], 'and')} {_also(missed[1:])} missed as well."
            )
    else:
        sentences += _none_missed(comparison, "relation", relations)
    if harmful:
        sentences.append(f"It is better without {listed([_name(c) for c in harmful], 'and')}.")
    return sentences


def _modalities(comparison: Comparison, modalities: Sequence[Contrast]) -> list[str]:
    if not modalities:
        return []
    missed = [contrast for contrast in modalities if contrast.sign > 0]
    if not missed:
        return _none_missed(comparison, "modality", modalities)
    if len(missed) == 1:
        return [f"Of the modalities {_name(missed[0])} alone is missed: {_loss(comparison, missed[0])}."]
    losses = "; ".join(f"without {_name(c)}, {_amount(comparison, c)}" for c in missed)
    return [f"The modalities {listed([_name(c) for c in missed], 'and')} are each missed: {losses}."]


def _none_missed(comparison: Comparison, kind: str, without: Sequence[Contrast]) -> list[str]:
    """Return that no part is missed, and of the one lost most whether it may be all the same."""
    begin = f"No single {kind} is missed by more than chance when it is left out"
    most = max(without, key=lambda c: c.gain.mean)
    if most.gain.mean > 0 and has_room(comparison, most):
        loss = gain_in_words(comparison, most.gain)
        return [f"{begin}, which proves little: without {_name(most)}, the subject loses {loss}."]
    if any(has_room(comparison, one) for one in without):
        return [f"{begin}, which proves little, as the intervals are wide."]
    return [f"{begin}: the others hold the same, or none of it counts."]


def _name(contrast: Contrast) -> str:
    return f"`{contrast.role.left_out}`"


def _also(contrasts: Sequence[Contrast]) -> str:
    return "is" if len(contrasts) == 1 else "are"


def _loss(comparison: Comparison, contrast: Contrast) -> str:
    return f"without it, {_amount(comparison, contrast)}"


def _amount(comparison: Comparison, contrast: Contrast) -> str:
    return f"the subject loses {gain_in_words(comparison, contrast.gain)}, {p_in_words(contrast)}"
