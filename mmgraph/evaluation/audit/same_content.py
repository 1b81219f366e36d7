"""Is the same text, picture or sound on both sides of the split?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmgraph.evaluation.audit.content import MEDIA, are_works, content_codes
from mmgraph.evaluation.audit.couples import couples
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject


def same_content(subject: Subject) -> Iterator[Finding]:
    """Yield the modalities in which held-out entities have what a training entity has."""
    for node_type in subject.modalities:
        if node_type.kind not in MEDIA:
            continue
        rows = subject.rows(node_type.name)
        codes = np.where(are_works(subject, node_type), content_codes(subject, node_type), -1)
        held_out, training = couples(subject, codes, rows)
        if not len(held_out):
            continue
        of = int(subject.held_out[rows].sum())
        yield Finding(
            severity="medium",
            where=f"modality {node_type.name}",
            what=(
                f"Held-out entities that have exactly what a training entity has: {len(held_out):,} of "
                f"{of:,}{subject.agreement(held_out, training)}."
            ),
            count=len(held_out),
            of=of,
            sure="counted",
            fix="Keep copies together with a grouped split, or remove them.",
            figure=len(held_out) / of,
            examples=subject.examples(held_out, training),
        )
