"""Does a query see its own answer, or an answer its own query?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.models.graph_batch import GraphBatch


def own_answers(subject: Subject) -> Iterator[Finding]:
    """Yield the modalities by which entities that are asked for send messages from the side that is hidden.

    The message graph of each side is made as for the metrics, of the whole graph at once. If no edge leads
    away from the nodes of the modalities that are hidden there, no path does, and no model of however many
    layers hears of these nodes by messages; what stands elsewhere of the answer is not looked at, nor are
    samples. Which node belongs to whom is read from the tables of nodes, not from the edges.
    """
    task, batch = subject.pair, GraphBatch.of(subject.graph)
    asked = subject.held_out & subject.complete
    for modality, name in task.names.items():
        seen = task.seen(name, everyone=not task.context)(batch)
        for node_type in subject.modalities:
            if node_type.modality in task.sides[name].modalities:
                continue
            owners = subject.rows(node_type.name)
            hidden = asked[owners]
            for triple, index in seen.edge_index_dict.items():
                if triple[0] != node_type.name:
                    continue
                told = np.unique(owners[index[0].numpy()[hidden[index[0].numpy()]]])
                if len(told):
                    yield _finding(subject, modality, node_type.name, triple[1], told)


def _finding(subject: Subject, side: str, hidden: str, relation: str, told: NDArray[np.int64]) -> Finding:
    of = int((subject.held_out & subject.complete).sum())
    return Finding(
        severity="high",
        where=f"side {side}",
        what=(
            f"What {len(told):,} of {counted(of, 'held-out entity', 'held-out entities')} "
            f"{agreed(len(told), 'has', 'have')} in {hidden} is in the message graph of the side {side}, "
            f"from where it leads on by {relation}."
        ),
        count=len(told),
        of=of,
        sure="counted",
        fix=f"Let each node of {hidden} belong to one entity, or name {relation} in the task's without.",
        figure=len(told) / of,
        examples=subject.names(told),
    )
