"""Has an encoder been fitted on entities that are held out?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.graph.schema import NodeType

_ZERO = 1e-3
_FAR = 0.1


def encoders_beyond_training(subject: Subject) -> Iterator[Finding]:
    """Yield the modalities whose encoder has seen held-out entities.

    Two things show it: the number of entities that the graph's manifest gives, and the features themselves.
    Centred features have a mean of zero over exactly those entities that the encoder was fitted on.
    """
    everyone = np.isin(subject.labels.split, ["train", "validation", "test", ""])
    allowed = np.isin(subject.labels.split, ["train", ""])
    seen = {
        "all entities": everyone,
        "training and validation entities": everyone & (subject.labels.split != "test"),
        "training and test entities": everyone & (subject.labels.split != "validation"),
    }
    for node_type in subject.modalities:
        rows = subject.rows(node_type.name)
        fitted_on = subject.graph.manifest.get("encoders", {}).get(node_type.name, {}).get("fitted_on", 0)
        may_see = int(allowed[rows].sum())
        if fitted_on > may_see:
            yield _finding(
                node_type,
                f"Its encoder was fitted on {counted(fitted_on, 'entity', 'entities')}, of which at most "
                f"{may_see:,} train",
                int(fitted_on) - may_see,
                int(fitted_on),
                "counted: the graph's manifest says so",
            )
            continue
        features = np.asarray(subject.graph.features[node_type.name], dtype=np.float64)
        for name, members in seen.items():
            more = int((members & ~allowed)[rows].sum())
            if more and _centred_on(features, members[rows], allowed[rows]):
                yield _finding(
                    node_type,
                    f"Its features have a mean of zero over {name}, not over those that train",
                    more,
                    int(members[rows].sum()),
                    "measured: a mean of zero over just these entities does not come by chance",
                )
                break


def _centred_on(
    features: NDArray[np.float64], members: NDArray[np.bool_], training: NDArray[np.bool_]
) -> bool:
    """Return whether the mean is zero over some rows, and is not over those that train."""
    spread = features.std(axis=0)
    varied = spread > _ZERO * np.abs(features).max(initial=0)
    if not varied.any() or not training.any():
        return False
    values, spread = features[:, varied], spread[varied]
    # In units of how far a mean of that many strays.
    over_members = np.abs(values[members].mean(axis=0)) / spread * np.sqrt(members.sum())
    over_training = np.abs(values[training].mean(axis=0)) / spread * np.sqrt(training.sum())
    return bool(over_members.max() < _ZERO and np.median(over_training) > _FAR)


def _finding(node_type: NodeType, what: str, count: int, of: int, sure: str) -> Finding:
    return Finding(
        severity="high",
        where=f"modality {node_type.name}",
        what=f"{what}.",
        count=count,
        of=of,
        sure=sure,
        fix="Fit the encoder on training entities only: build the graph with this task's split.",
    )
