"""The labels of several tasks that one model learns together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.errors import GraphError
from mmgraph.tasks.labels import Labels


def join_labels(name: str, members: Sequence[Labels]) -> Labels:
    """Return which entities some tasks ask about, one entity type after the other.

    Args:
        name: What the tasks are called together.
        members: The labels of each task.

    Returns:
        One row for each entity; its value is its id where a task has a target for it, its part that of the
        tasks' split.

    Raises:
        GraphError: If an entity is in one part of a task's split and in another of another's: what a model
            learns from it for one task may tell what the other asks.
    """
    by_type: dict[str, list[Labels]] = {}
    for labels in members:
        by_type.setdefault(labels.entity, []).append(labels)
    ids, values, splits = [], [], []
    for own in by_type.values():
        known = np.any([labels.values.notna().to_numpy() & (labels.split != "") for labels in own], axis=0)
        ids.append(own[0].ids)
        values.append(pd.Series(own[0].ids.astype(object)).where(known))
        splits.append(_one_split(own))
    columns = ", ".join(dict.fromkeys(labels.column for labels in members))
    return Labels(
        task=name,
        kind="multi_task",
        entity=members[0].entity,
        column=columns,
        id_values=pd.Series(np.concatenate(ids)),
        values=pd.concat(values, ignore_index=True),
        split=np.concatenate(splits),
        where=f"tasks.{name}",
    )


def _one_split(members: Sequence[Labels]) -> NDArray[np.object_]:
    """Return the part of each entity of a type, of which the tasks must say the same."""
    split = members[0].split
    for labels in members[1:]:
        other = (split != labels.split) & (split != "") & (labels.split != "")
        if other.any():
            row = int(np.flatnonzero(other)[0])
            raise GraphError(
                f"{counted(int(other.sum()), 'entity is', 'entities are')} in one part of the split of "
                f"{members[0].task!r} and in another of that of {labels.task!r}, such as "
                f"{str(labels.ids[row])!r} ({split[row]} and {labels.split[row]}), so that one would learn "
                "from what the other is asked",
                where=f"{members[0].where} and {labels.where}",
                fix="Give both tasks the same split in dataset.yaml, and build the graph anew.",
            )
        split = np.where(split == "", labels.split, split)
    return split
