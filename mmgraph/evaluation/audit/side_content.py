"""What a retrieval compares: the content of both sides of the held-out entities, and of those that train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.evaluation.audit.ranks import FEWEST, units
from mmgraph.evaluation.audit.subject import CannotLookError, Subject
from mmgraph.evenly import evenly

_MOST = 2_000
"""How many held-out entities are compared with each other at most."""


@dataclass(frozen=True, eq=False)
class SideContent:
    """The content of one modality by entity.

    Args:
        gallery: Held-out entities that have both sides, int64 [R], the same for both.
        learnt: Training entities that have both, int64 [T].
        of_gallery: The directions of their content from the mean of training, [R, D].
        of_learnt: The same, [T, D].
    """

    gallery: NDArray[np.int64]
    learnt: NDArray[np.int64]
    of_gallery: NDArray[np.float64]
    of_learnt: NDArray[np.float64]


def side_content(subject: Subject) -> dict[str, SideContent]:
    """Return the content of both sides, by the modality.

    Raises:
        CannotLookError: If too few held-out entities have both.
    """
    both = subject.complete
    gallery, learnt = np.flatnonzero(subject.held_out & both), np.flatnonzero(subject.training & both)
    gallery = gallery[evenly(len(gallery), _MOST)]
    if len(gallery) < FEWEST or not len(learnt):
        raise CannotLookError(f"fewer than {FEWEST} held-out entities have both sides")
    found = {}
    for modality, content in zip(subject.pair.names, subject.pair.content, strict=True):
        known = content.of(torch.from_numpy(learnt)).numpy()
        centre = known.astype(np.float64).mean(axis=0)
        asked = content.of(torch.from_numpy(gallery)).numpy()
        found[modality] = SideContent(gallery, learnt, units(asked, centre), units(known, centre))
    return found
