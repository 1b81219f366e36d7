"""From a dataset to a graph: encode the modalities, build the relations, put all together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from mmgraph.data.dataset import Dataset
from mmgraph.data.dataset_faults import leaking_targets
from mmgraph.data.load import load_dataset
from mmgraph.encoders import FeatureCache
from mmgraph.errors import Fault, Faults, GraphError, MMGraphError
from mmgraph.graph.assemble import assemble
from mmgraph.graph.choose import ChosenRelation, RelationLike, choose_relations
from mmgraph.graph.graph import Graph
from mmgraph.graph.node_tables import entity_tables, modality_table
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.relation_job import RelationJob
from mmgraph.progress import Progress


def build_graph(
    dataset: Dataset | str | Path,
    *,
    relations: Sequence[RelationLike] | None = None,
    cache: FeatureCache | bool = True,
    previews: bool = True,
    progress: Progress | None = None,
) -> Graph:
    """Encode every modality of a dataset, build its relations, and return them as a graph.

    An entity becomes a node, and so does each modality that it has, tied to it by an ``of`` edge. Every
    relation but a symmetric one comes with its reverse, ``rev_<name>``.

    Encoders are fitted on training entities alone. Derived relations, such as nearest neighbours, are
    transductive: they are built among all entities, also those of validation and test, from what is known of
    them without their labels.

    Args:
        dataset: The dataset, or its name or path.
        relations: What to build: names of relations in ``dataset.yaml``, relation builders
            (``KNN("glyph/sans", k=10)``), or pairs of a new name and a builder. Nothing for all relations of
            ``dataset.yaml``.
        cache: Where encoded features are kept: true for the folder of this machine, false for nowhere.
        previews: Whether to keep thumbnails and beginnings of texts in the node tables.
        progress: Told what is being done; nothing for silence.

    Returns:
        The graph.

    Raises:
        MMGraphError: If the dataset cannot be used, or relations cannot be built: the faults of all relations
            at once, and before anything is encoded where they can be known by then.

    Example:
        >>> from mmgraph.relations import KNN
        >>> build_graph("glyphs", relations=["case_pair", KNN("glyph/sans", k=5)])  # doctest: +SKIP
    """
    progress = progress or Progress(quiet=True)
    if not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset, progress=progress)
    chosen = choose_relations(dataset.spec.relations, relations, file=str(dataset.file))
    factory = NodeFactory(
        dataset, cache=FeatureCache() if cache is True else cache or None, progress=progress
    )
    jobs = _jobs(chosen, factory, progress)

    tables = _prepare(factory, jobs)
    for name in factory.modalities:
        tables[name] = modality_table(factory, name, previewed=previews, progress=progress)
        factory.encoded(name)
    _all(job.run for job in jobs if job.uses_features)
    return assemble(factory, jobs, tables)


def relation_faults(dataset: Dataset) -> list[Fault]:
    """Return what is wrong with the relations of ``dataset.yaml``, as far as that shows without features.

    Args:
        dataset: The dataset.

    Returns:
        One fault for each parameter, column, id or value that cannot be used; none if all can.
    """
    progress = Progress(quiet=True)
    factory = NodeFactory(dataset, cache=None, progress=progress)
    try:
        chosen = choose_relations(dataset.spec.relations, None, file=str(dataset.file))
        _all(functools.partial(_begin, job) for job in _jobs(chosen, factory, progress))
    except MMGraphError as error:
        return list(error.faults)
    return []


def _jobs(chosen: Sequence[ChosenRelation], factory: NodeFactory, progress: Progress) -> list[RelationJob]:
    """Return the jobs of relations, which know each other."""
    jobs: dict[str, RelationJob] = {}
    for relation in chosen:
        jobs[relation.name] = RelationJob(relation, factory, progress, jobs)
    return list(jobs.values())


def _prepare(factory: NodeFactory, jobs: Sequence[RelationJob]) -> dict[str, pd.DataFrame]:
    """Do all that is cheap, report everything that is wrong in it at once, and return the entity tables."""
    tables: dict[str, pd.DataFrame] = {}
    _all(
        [
            lambda: tables.update(entity_tables(factory.dataset)),
            factory.check,
            functools.partial(_refuse_leaks, factory.dataset),
            *(functools.partial(_begin, job) for job in jobs),
        ]
    )
    return tables


def _refuse_leaks(dataset: Dataset) -> None:
    """Raise if a task's target is among the modalities that its model reads."""
    faults = Faults()
    faults.found += leaking_targets(dataset)
    faults.raise_if_any(GraphError)


def _begin(job: RelationJob) -> None:
    """Check a relation, and build it if that takes no features."""
    job.check()
    if not job.uses_features:
        job.run()


def _all(steps: Iterable[Callable[[], None]]) -> None:
    """Do every step, also after one has failed, and raise the faults of all."""
    faults = Faults()
    for step in steps:
        try:
            step()
        except MMGraphError as error:
            faults.extend(error)
    # A broken table is found by everyone who reads it.
    faults.found = list(dict.fromkeys(faults.found))
    faults.raise_if_any(GraphError)
