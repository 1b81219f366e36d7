"""Everything that is wrong with the files of a dataset, found at once and told in a stable order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from mmgraph.data.dataset import Dataset, RawModality
from mmgraph.data.modality_spec import FileModality, TabularModality, TextModality
from mmgraph.data.raw_content import content_problem
from mmgraph.data.spec import EntitySpec
from mmgraph.data.splits import PARTS
from mmgraph.data.task_spec import PairTaskSpec, TaskSpec
from mmgraph.errors import Fault, Faults, UserError
from mmgraph.progress import Progress

_SHOWN = 5
_FEWEST_PAIRS = 2
P = ParamSpec("P")
T = TypeVar("T")


def dataset_faults(
    dataset: Dataset, *, open_files: bool = True, progress: Progress | None = None
) -> list[Fault]:
    """Return the faults of a dataset's tables, arrays, raw files, splits and tasks, in the order of its spec.

    What depends on something faulty is not looked at, and a cell that several keys lead to is told once: one
    mistake gives one fault.

    Args:
        dataset: The dataset.
        open_files: Also decode every image and open every audio and video file.
        progress: Told about raw files that are opened.
    """
    return once_a_place(_Examination(dataset, open_files, progress or Progress(quiet=True)).faults.found)


def once_a_place(faults: Iterable[Fault]) -> list[Fault]:
    """Return the first fault at each place: whatever several keys lead to is told once.

    Args:
        faults: Faults in the order in which they are to be told.
    """
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.where, fault)
    return list(first.values())


def leaking_targets(dataset: Dataset, *tasks: str) -> list[Fault]:
    """Return a fault for each task whose answer is among what its model gets, or that has no answer to learn.

    Args:
        dataset: The dataset.
        tasks: The tasks to look at; all by default.
    """
    faults = []
    for task_name in tasks or dataset.spec.entity_tasks:
        task = dataset.spec.entity_tasks[task_name]
        entity = dataset.spec.entities[task.entity]
        where = f"{dataset.file}: tasks.{task_name}.target"
        if task.target == entity.id:
            problem = f"got {task.target!r}, the id: no two entities share one, so there is nothing to learn"
            faults.append(Fault(where, problem, "Choose another column."))
        for name, modality in entity.modalities.items():
            if isinstance(modality, TabularModality):
                columns = set(modality.columns)
            else:
                columns = {modality.column} if isinstance(modality, TextModality) else set()
            if task.target in columns and name not in task.without.modalities:
                problem = f"got {task.target!r}, which the modality {name!r} gives to the model as well"
                fix = f"Leave it out of the modality, or add {name!r} to the task's without.modalities."
                faults.append(Fault(where, problem, fix))
    return faults


class _Examination:
    """One pass over a dataset."""

    def __init__(self, dataset: Dataset, open_files: bool, progress: Progress) -> None:
        self.faults = Faults()
        self._dataset = dataset
        self._progress = progress
        self._at = f"{dataset.file}: "
        sound_entities = [
            entity
            for entity, spec in dataset.spec.entities.items()
            if self._entity(entity, spec, open_files=open_files)
        ]
        sound_splits = [
            name
            for name, split in dataset.spec.entity_splits.items()
            if split.entity in sound_entities and self._try(dataset.split, name) is not None
        ]
        self._training_rows(sound_entities, sound_splits)
        for name, task in dataset.spec.entity_tasks.items():
            if task.entity in sound_entities:
                self._task(name, task, split_is_sound=task.split in sound_splits)

        for name, pairs in dataset.spec.untargeted_tasks.items():
            if isinstance(pairs, PairTaskSpec) and pairs.entity in sound_entities:
                self._pairs(name, pairs, split_is_sound=pairs.split in sound_splits)

    def _try(self, read: Callable[P, T], *args: P.args, **named: P.kwargs) -> T | None:
        """Return what ``read`` returns, or note its faults."""
        try:
            return read(*args, **named)
        except UserError as error:
            self.faults.extend(error)
            return None

    def _entity(self, entity: str, spec: EntitySpec, *, open_files: bool) -> bool:
        """Examine an entity type; return whether its table can be used."""
        dataset = self._dataset
        if self._try(dataset.entity_table, entity) is None:
            return False
        self._try(dataset.titles, entity)
        if spec.time is not None:
            # What a split names is told with the split.
            self._try(dataset.times, entity)
        for name, modality in spec.modalities.items():
            raw = self._try(dataset.modality, entity, name)
            if raw is not None and open_files and isinstance(modality, FileModality):
                self._raw_files(entity, name, raw)
        return True

    def _raw_files(self, entity: str, modality: str, raw: RawModality) -> None:
        """Note the raw files that cannot be read, in one fault."""
        table = self._dataset.entity_table(entity)
        broken: list[tuple[int, Path, str]] = []
        with self._progress.job(f"Open {entity}/{modality}", total=len(raw)) as advance:
            kind = "image" if raw.kind == "regions" else raw.kind
            for row, value in zip(raw.index, raw.values, strict=True):
                path = Path(str(value))
                problem = content_problem(kind, path)
                if problem:
                    broken.append((int(row), path, problem))
                advance(1)
        if not broken:
            return
        row, path, problem = broken[0]
        others = ", ".join(str(path) for _, path, _ in broken[1:_SHOWN])
        more = f" ({len(broken) - 1} more cannot be read either: {others})" if others else ""
        self.faults.add(
            f"{path}: {table.row_name(row)}",
            f"{problem}{more}",
            "Replace the file, or leave its cell empty.",
        )

    def _training_rows(self, entities: list[str], splits: list[str]) -> None:
        """Note an entity type that its splits hold out altogether."""
        for entity in entities:
            known = self._dataset.spec.entity_splits
            own = [name for name, split in known.items() if split.entity == entity]
            if set(own) <= set(splits):
                self._try(self._dataset.training_rows, entity)

    def _pairs(self, name: str, task: PairTaskSpec, *, split_is_sound: bool) -> None:
        """Note that a part has too few entities with both modalities of a task to tell them apart."""
        sides = [self._try(self._dataset.modality, task.entity, m) for m in (task.query, task.answer)]
        if not split_is_sound or None in sides:
            return
        parts = self._dataset.split(task.split)
        has = [np.isin(np.arange(len(parts)), side.index) for side in sides if side is not None]
        few = [part for part in PARTS if np.sum((parts == part) & np.all(has, axis=0)) < _FEWEST_PAIRS]
        if few:
            self.faults.add(
                f"{self._at}tasks.{name}",
                f"fewer than {_FEWEST_PAIRS} entities in {' and in '.join(few)} of the split {task.split!r} "
                f"have both {task.query} and {task.answer}, to be told apart",
                "Take other modalities or another split.",
            )

    def _task(self, name: str, task: TaskSpec, *, split_is_sound: bool) -> None:
        where = f"{self._at}tasks.{name}"
        table = self._dataset.entity_table(task.entity)
        column = self._try(table.column, task.target, where=f"{where}.target")
        if column is None:
            return
        for fault in leaking_targets(self._dataset, name):
            self.faults.add(fault.where, fault.problem, fault.fix)
        if task.kind == "regression" and self._try(column.numbers) is None:
            return
        if not split_is_sound:
            return
        parts = self._dataset.split(task.split)
        unlabelled = [part for part in PARTS if not np.any((parts == part) & ~column.missing)]
        if unlabelled:
            self.faults.add(
                where,
                f"no entity in {' or in '.join(unlabelled)} of the split {task.split!r} has a value in the "
                f"target column {task.target!r} of {table.file}; wanted at least one in each part",
                "Fill the column for some of them, or take another split.",
            )
