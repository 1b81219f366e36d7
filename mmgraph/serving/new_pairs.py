"""Whether two new modalities belong together: what a matching says of pairs that it has never seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from mmgraph.progress import Progress
from mmgraph.serving.new_rows import NewEntities
from mmgraph.serving.new_sides import modality_of
from mmgraph.tasks.common_space import CommonSpace
from mmgraph.tasks.matching import Matching

if TYPE_CHECKING:
    from mmgraph.serving.predictor import Predictor


def match_new(
    predictor: Predictor,
    task: Matching,
    entities: NewEntities,
    *,
    folder: str | Path | None,
    progress: Progress | None,
) -> pd.DataFrame:
    """Return of each row with two modalities whether they belong together.

    Each is embedded without the other one, as in training.

    Args:
        predictor: What embeds new entities.
        task: The matching of its run.
        entities: The rows; see :meth:`Predictor.predict`.
        folder: Where the files are that rows name.
        progress: Told what is going on.

    Returns:
        ``id``, ``prediction``, ``probability`` and ``notes``, in the order in which rows were given.
    """
    entity, progress = task.labels.entity, progress or Progress(quiet=True)
    dataset = predictor.read(entities, entity=entity, folder=folder, progress=progress)
    spaces = [CommonSpace(task, modality) for modality in task.names]
    seen = [predictor.see(dataset, entity, space, progress=progress) for space in spaces]
    with torch.no_grad():
        pairs = None
        if task.ridge:
            read = [modality_of(space, each.attached) for space, each in zip(spaces, seen, strict=True)]
            pairs = (read[0], read[1], torch.zeros(len(read[0]), dtype=torch.int64))
        sides = predictor.run.module.head(*(each.states for each in seen), pairs)
        predictor.require_finite(sides, entity, seen[0].attached)
        table = task.decode(sides, predictor.run.threshold)
    table.insert(0, "id", pd.Series(seen[0].attached.new[entity], dtype=object))
    notes = [
        "; ".join(dict.fromkeys(filter(None, both))) for both in zip(*(s.notes for s in seen), strict=True)
    ]
    return table.assign(notes=notes).iloc[seen[0].order].reset_index(drop=True)
