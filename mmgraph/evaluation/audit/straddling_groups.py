"""Do things that belong together stand on both sides of the split?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from mmgraph.counted import agreed, counted
from mmgraph.data.dataset import Dataset
from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.evaluation.audit.couples import couples
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import CannotLookError, Subject


def straddling_groups(subject: Subject) -> Iterator[Finding]:
    """Yield the groups, named by the split or by the person who asks, that have entities on both sides.

    Groups are the values of a column (a speaker, a conversation, a family), or what hangs together by a
    relation.

    Raises:
        CannotLookError: If no groups are named, or the column of the split cannot be read.
    """
    split_by = _of_the_split(subject)
    names = dict.fromkeys([*subject.groups, *([split_by] if split_by else [])])
    if not names:
        raise CannotLookError("the split names no groups; name a column or a relation with --group")
    if subject.dataset is None and split_by and split_by not in subject.groups and not subject.groups:
        raise CannotLookError(f"the column {split_by!r} is in the dataset: give it with --dataset")
    for name in names:
        if name == split_by and subject.dataset is None and name not in subject.groups:
            continue
        codes = _codes(subject, name)
        held_out, training = couples(subject, codes, np.arange(subject.num_entities))
        if not len(held_out):
            continue
        of, groups = int(subject.held_out.sum()), len(np.unique(codes[held_out]))
        yield Finding(
            severity="high",
            where=f"groups by {name}",
            what=(
                f"{counted(groups, 'group straddles', 'groups straddle')} the split: {len(held_out):,} of "
                f"{counted(of, 'held-out entity', 'held-out entities')} "
                f"{agreed(len(held_out), 'is', 'are')} in "
                f"a group with training entities{subject.agreement(held_out, training)}."
            ),
            count=len(held_out),
            of=of,
            sure="counted",
            fix=f"Split with kind: grouped and group: {name}, or make that column.",
            figure=len(held_out) / of,
            examples=subject.examples(held_out, training),
        )


def _of_the_split(subject: Subject) -> str | None:
    """Return the column by which the split of the task keeps entities together."""
    group = subject.split_spec.get("group")
    return None if group is None else str(group)


def _codes(subject: Subject, name: str) -> NDArray[np.int64]:
    """Return the number of each entity's group, int64 [N]; -1 for none."""
    by_name = {t.name: t for t in subject.graph.schema.edge_types if t.reverse_of is None and t.kind != "of"}
    fitting = {
        n: t
        for n, t in by_name.items()
        if subject.is_of_the_task(t.source) or subject.is_of_the_task(t.target)
    }
    if subject.dataset is not None and name in subject.dataset.frame(subject.entity):
        return _column(subject, subject.dataset, name)
    if name not in fitting:
        known = list(fitting)
        if subject.dataset is not None:
            known += [str(column) for column in subject.dataset.frame(subject.entity)]
        hint = "" if subject.dataset is not None else " Columns need --dataset."
        raise ConfigError(
            f"there is no column or relation {name!r} of {subject.entity}",
            where="--group",
            fix=did_you_mean(name, known) + hint,
        )
    edge_type, size = fitting[name], subject.num_entities
    one, other = subject.ends(edge_type)
    # The entities of another type stand behind those of the task.
    width = size
    if not subject.is_of_the_task(edge_type.source):
        one, width = one + size, size + int(one.max(initial=0)) + 1
    elif not subject.is_of_the_task(edge_type.target):
        other, width = other + size, size + int(other.max(initial=0)) + 1
    ties = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(width, width))
    component: NDArray[np.int64] = sparse.csgraph.connected_components(ties, directed=False)[1]
    return component[:size].astype(np.int64)


def _column(subject: Subject, dataset: Dataset, name: str) -> NDArray[np.int64]:
    table = dataset.entity_table(subject.entity)
    return pd.factorize(table.column(name, where="--group").text())[0].astype(np.int64)
