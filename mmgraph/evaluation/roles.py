"""What each entry of a comparison is there for: what it does not see says what a difference to it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.entries import Entry
from mmgraph.training.config import TrainConfig

Kind = Literal["without_relations", "without_features", "shuffled", "relation", "modality", "rival"]


@dataclass(frozen=True)
class Role:
    """What an entry is there for.

    Args:
        kind: ``without_relations``: it reads features alone, or nothing; ``without_features``: relations
            alone; ``shuffled``: relations that lead to random nodes; ``relation`` or ``modality``: it is the
            subject without one of these; ``rival``: any other model of features and relations.
        left_out: The relation or modality that it is without.
    """

    kind: Kind
    left_out: str = ""


def role_of(
    entry: Entry, config: TrainConfig | None, *, subject: Entry | None, reads_relations: bool
) -> Role:
    """Return what an entry is there for.

    Args:
        entry: The entry.
        config: Its config; a baseline has none.
        subject: The entry that the comparison is about.
        reads_relations: Whether its model passes messages along any relation that it sees.
    """
    if config is None:
        return Role("without_features" if BASELINES[entry.model].reads_relations else "without_relations")
    if (
        subject is not None
        and entry.model == subject.model
        and len(entry.overrides) == len(subject.overrides) + 1
    ):
        relations, modalities = config.without.relations, config.without.modalities
        if len(relations) == 1 and not modalities:
            return Role("relation", relations[0])
        if len(modalities) == 1 and not relations:
            return Role("modality", modalities[0])
    if config.edges == "none" or not reads_relations:
        return Role("without_relations")
    if config.edges == "shuffled":
        return Role("shuffled")
    if config.features == "noise":
        return Role("without_features")
    return Role("rival")
