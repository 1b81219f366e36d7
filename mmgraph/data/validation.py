"""Validation of a dataset: its spec and every file that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mmgraph.data.dataset import Dataset
from mmgraph.data.dataset_faults import dataset_faults, once_a_place
from mmgraph.data.load import spec_file
from mmgraph.data.spec import DatasetSpec, examine_spec
from mmgraph.errors import ConfigError, Fault, did_you_mean
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS, RELATIONS, TASKS, Registry


def validate_dataset(
    name_or_path: str | Path,
    *,
    checks: Sequence[Callable[[Dataset], list[Fault]]] = (),
    progress: Progress | None = None,
) -> list[Fault]:
    """Read a dataset's spec and every file of it, and return all faults at once.

    Args:
        name_or_path: A dataset, as for `load_dataset`.
        checks: Further checks of a dataset whose spec can be used, e.g. `mmgraph.encoders.encoder_faults`
            and `mmgraph.graph.relation_faults`; what it finds where there is a fault already is left out.
        progress: Told what is going on.

    Returns:
        The faults in the order of the spec; none if the dataset is sound.

    Raises:
        UnknownNameError: If there is no such dataset.
        DataError: If the dataset has to be prepared first.
    """
    progress = progress or Progress(quiet=True)
    file = spec_file(name_or_path, progress=progress)
    try:
        spec, faults = examine_spec(file)
    except ConfigError as error:
        return list(error.faults)
    if spec is None:
        return faults
    faults += _name_faults(spec, where=str(file))
    dataset = Dataset(spec, file.parent, file=file)
    faults += dataset_faults(dataset, progress=progress)
    for check in checks:
        faults += check(dataset)
    return once_a_place(faults)


def _name_faults(spec: DatasetSpec, *, where: str) -> list[Fault]:
    """Return the faults of names that are not registered."""
    return [
        Fault(f"{where}: {place}", f"there is no {what} {name!r}", did_you_mean(name, registry.names()))
        for place, what, name, registry in _registered_names(spec)
        if name not in registry
    ]


def _registered_names(spec: DatasetSpec) -> Iterator[tuple[str, str, str, Registry[object]]]:
    """Yield the place, the kind, the name and the registry of whatever is named."""
    for entity, entity_spec in spec.entities.items():
        for modality, modality_spec in entity_spec.modalities.items():
            if modality_spec.encoder is not None:
                place = f"entities.{entity}.modalities.{modality}.encoder"
                yield place, "encoder", modality_spec.encoder.name, ENCODERS
    for relation, relation_spec in spec.relations.items():
        yield f"relations.{relation}.builder", "relation builder", relation_spec.builder, RELATIONS
    for task, task_spec in spec.tasks.items():
        yield f"tasks.{task}.kind", "task", task_spec.kind, TASKS
