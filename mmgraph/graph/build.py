"""From a dataset to a graph: encode the modalities, build the relations, put all together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from mmgraph.atomic import atomic_folder
from mmgraph.data.dataset import Dataset
from mmgraph.data.dataset_faults import leaking_targets
from mmgraph.data.id_index import text_array
from mmgraph.data.load import load_dataset
from mmgraph.elsewhere import elsewhere_on
from mmgraph.encoders import FeatureCache
from mmgraph.encoders.placement import choose_placement, placed
from mmgraph.errors import Fault, Faults, GraphError, MMGraphError
from mmgraph.graph.assemble import assemble
from mmgraph.graph.choose import ChosenRelation, RelationLike, choose_relations
from mmgraph.graph.estimate import estimate_build
from mmgraph.graph.graph import Graph
from mmgraph.graph.layout import MANIFEST
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.node_tables import entity_tables, modality_table
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.notes import BuildNotes, Decision
from mmgraph.graph.relation_job import RelationJob
from mmgraph.graph.reuse import Reuse
from mmgraph.graph.save import write_graph
from mmgraph.graph.shelf import EdgeShelf
from mmgraph.graph.store import load_graph
from mmgraph.graph.workers import run_all
from mmgraph.progress import Progress

_MODALITY = {
    True: Decision(True, "what its encoder saw in each item is in the cache"),
    False: Decision(False, "the cache does not have its content as its encoder describes it"),
    None: Decision(False, "it is read, not computed, or there is no cache"),
}


def build_graph(
    dataset: Dataset | str | Path,
    *,
    relations: Sequence[RelationLike] | None = None,
    cache: FeatureCache | bool = True,
    previews: bool = True,
    progress: Progress | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    engine: str = "local",
    workers: int = 1,
    device: str | None = None,
    precision: str | None = None,
    notes: BuildNotes | None = None,
) -> Graph:
    """Encode every modality of a dataset, build its relations, and return them as a graph.

    An entity becomes a node, and so does each modality that it has, tied to it by an ``of`` edge. Every
    relation but a symmetric one comes with its reverse, ``rev_<name>``.

    Encoders are fitted on training entities alone. Derived relations, such as nearest neighbours, are
    transductive: they are built among all entities, also those of validation and test, from what is known of
    them without their labels.

    Nodes stand in the order of their ids, and neither the order of a table's rows nor the number of workers
    changes a bit of the result.

    Args:
        dataset: The dataset, or its name or path.
        relations: What to build: names of relations in ``dataset.yaml``, relation builders
            (``KNN("glyph/sans", k=10)``), or pairs of a new name and a builder. Nothing for all relations of
            ``dataset.yaml``.
        cache: Where encoded features are kept: true for the folder of this machine, false for nowhere.
        previews: Whether to keep thumbnails and beginnings of texts in the node tables.
        progress: Told what is being done; nothing for silence.
        out: A folder to write the graph into, one relation after the other, so that not all of it is held in
            memory; nothing to keep the graph in memory. Of a graph that is there already, relations whose
            inputs have not changed are taken over, unless ``cache`` is false.
        overwrite: Replace an earlier graph at ``out``.
        engine: Where the work is done: ``local`` in this process, or ``ray``, where a cluster whose nodes see
            the dataset describes raw content and looks for nearest neighbours by the exact search.
        workers: How many relations and modalities are built at a time; how many workers the cluster has for
            each of them.
        device: Where pre-trained models encode: ``auto`` for a GPU where there is one, ``cpu``, ``cuda`` or
            e.g. ``cuda:1``; nothing for what ``MMGRAPH_DEVICE`` says, or else ``auto``.
        precision: What they compute in: ``32`` or ``bf16-mixed``; nothing for ``bf16-mixed`` on a GPU that
            has it, and ``32`` elsewhere.
        notes: Is told what was built and what was taken over, and why.

    Returns:
        The graph; with ``out``, as :func:`load_graph` opens it.

    Raises:
        MMGraphError: If the dataset cannot be used, or relations cannot be built: the faults of all relations
            at once, and before anything is encoded where they can be known by then.
        GraphError: If neither memory nor disk will do.
        UserError: If ``out`` is there already and must not be replaced.

    Example:
        >>> from mmgraph.relations import KNN
        >>> build_graph("glyphs", relations=["case_pair", KNN("glyph/sans", k=5)])  # doctest: +SKIP
    """
    progress = progress or Progress(quiet=True)
    if not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset, progress=progress)
    chosen = choose_relations(dataset.spec.relations, relations, file=str(dataset.file))
    kept = FeatureCache() if cache is True else cache or None
    where = choose_placement(device, precision, engine=engine)
    with placed(where), elsewhere_on(engine, workers, dataset.folder) as elsewhere:
        factory = NodeFactory(dataset, cache=kept, progress=progress, elsewhere=elsewhere)
        at_a_time = workers if elsewhere is None else 1
        making = _Making(factory, chosen, previews, progress, at_a_time, notes or BuildNotes())
        if out is None:
            return making.graph()
        path = Path(out)
        with atomic_folder(path, marker=MANIFEST, overwrite=overwrite) as folder:
            making.write(folder, None if kept is None else Reuse(path, folder, factory))
    return load_graph(path)


class _Making:
    """A graph on its way, in memory or into a folder."""

    def __init__(
        self,
        factory: NodeFactory,
        chosen: Sequence[ChosenRelation],
        previews: bool,
        progress: Progress,
        workers: int,
        notes: BuildNotes,
    ) -> None:
        self._factory, self._chosen, self._previews = factory, chosen, previews
        self._progress, self._workers, self._notes = progress, workers, notes

    def graph(self) -> Graph:
        """Return the graph, held in memory."""
        return self._build(EdgeShelf(None, {}), None)

    def write(self, folder: Path, reuse: Reuse | None) -> None:
        """Write the graph into a new folder, and take over what an earlier one has."""
        sizes = LazyMapping(self._factory.names, self._factory.num_nodes)
        graph = self._build(EdgeShelf(folder, sizes), reuse)
        taken = None if reuse is None else reuse.taken
        write_graph(graph, folder, written=graph.schema.relations, taken=taken)
        if reuse is not None:
            reuse.remember(self._progress)

    def _build(self, shelf: EdgeShelf, reuse: Reuse | None) -> Graph:
        factory, workers = self._factory, self._workers
        jobs = _jobs(self._chosen, factory, self._progress, shelf)
        make = functools.partial(_make, reuse=reuse, notes=self._notes)
        tables = self._prepare(jobs, make, shelf, reuse)
        failed = []
        for found in run_all(self._modality, factory.modalities, workers):
            failed += [found] if isinstance(found, MMGraphError) else []
            tables.update({} if isinstance(found, MMGraphError) else found)
        if failed:
            raise type(failed[0]).of(fault for error in failed for fault in error.faults)
        faults = Faults()
        _make_all([job for job in jobs if job.uses_features], make, workers, faults)
        _raise_if_any(faults)
        return assemble(factory, jobs, tables)

    def _prepare(
        self,
        jobs: Sequence[RelationJob],
        make: Callable[[RelationJob], None],
        shelf: EdgeShelf,
        reuse: Reuse | None,
    ) -> dict[str, pd.DataFrame]:
        """Do all that needs no features, report everything wrong in it at once, return the entity tables."""
        factory, faults = self._factory, Faults()
        tables: dict[str, pd.DataFrame] = {}
        _attempt(lambda: tables.update(_entity_tables(factory.dataset, reuse)), faults)
        _attempt(factory.check, faults)
        _attempt(functools.partial(_refuse_leaks, factory.dataset), faults)
        sound = [job for job in jobs if _attempt(job.check, faults)]
        if not faults.found:
            self._notes.estimate = estimate = estimate_build(
                factory, jobs, self._workers, to_disk=shelf.folder is not None
            )
            self._progress.say(estimate.line())
            estimate.refuse_if_too_large(shelf.folder)
        _make_all([job for job in sound if not job.uses_features], make, self._workers, faults)
        _raise_if_any(faults)
        return tables

    def _modality(self, name: str) -> dict[str, pd.DataFrame]:
        """Encode a modality and return the table of its nodes, by its name."""
        factory = self._factory
        # Before the thumbnails: whoever encodes tells of all files that cannot be read, and keeps the others.
        factory.encoded(name)
        self._notes.modalities[name] = _MODALITY[factory.from_cache.get(name)]
        return {name: modality_table(factory, name, previewed=self._previews, progress=self._progress)}


def _entity_tables(dataset: Dataset, reuse: Reuse | None) -> dict[str, pd.DataFrame]:
    """Return the tables of all entity types, those that are as they were from an earlier graph."""
    tables = {}
    for entity in dataset.spec.entities:
        table = None if reuse is None else reuse.take_table(entity)
        if table is not None:
            tables[entity] = table
            dataset.know_ids(entity, text_array(table["id"]))
    return tables | entity_tables(dataset, [name for name in dataset.spec.entities if name not in tables])


def _make(job: RelationJob, *, reuse: Reuse | None, notes: BuildNotes) -> None:
    """Take a relation over from an earlier graph, or build it."""
    decision = Decision(False, "there is no cache") if reuse is None else reuse.take_over(job)
    if not decision.reused:
        job.run()
        if reuse is not None:
            reuse.built(job)
    notes.relations[job.name] = decision


def relation_faults(dataset: Dataset) -> list[Fault]:
    """Return what is wrong with the relations of ``dataset.yaml``, as far as that shows without features.

    Args:
        dataset: The dataset.

    Returns:
        One fault for each parameter, column, id or value that cannot be used; none if all can.
    """
    progress = Progress(quiet=True)
    # Where an encoder makes several nodes of an item, only encoding tells how many there are.
    factory = NodeFactory(dataset, cache=FeatureCache(), progress=progress)
    try:
        chosen = choose_relations(dataset.spec.relations, None, file=str(dataset.file))
    except MMGraphError as error:
        return list(error.faults)
    faults = Faults()
    sound = [
        job for job in _jobs(chosen, factory, progress, EdgeShelf(None, {})) if _attempt(job.check, faults)
    ]
    _make_all([job for job in sound if not job.uses_features], RelationJob.run, 1, faults)
    return list(dict.fromkeys(faults.found))


def unbuilt_relations(dataset: Dataset) -> list[str]:
    """Return the relations that :func:`relation_faults` does not build, as they need features.

    Args:
        dataset: The dataset, without faults.
    """
    progress = Progress(quiet=True)
    factory = NodeFactory(dataset, cache=None, progress=progress)
    chosen = choose_relations(dataset.spec.relations, None, file=str(dataset.file))
    return [job.name for job in _jobs(chosen, factory, progress, EdgeShelf(None, {})) if job.uses_features]


def _jobs(
    chosen: Sequence[ChosenRelation], factory: NodeFactory, progress: Progress, shelf: EdgeShelf
) -> list[RelationJob]:
    """Return the jobs of relations, which know each other."""
    jobs: dict[str, RelationJob] = {}
    for relation in chosen:
        jobs[relation.name] = RelationJob(relation, factory, progress, jobs, shelf)
    return list(jobs.values())


def _refuse_leaks(dataset: Dataset) -> None:
    """Raise if a task's target is among the modalities that its model reads."""
    faults = Faults()
    faults.found += leaking_targets(dataset)
    faults.raise_if_any(GraphError)


def _make_all(
    jobs: Sequence[RelationJob], make: Callable[[RelationJob], None], workers: int, faults: Faults
) -> None:
    """Make relations, each after those that it is made of, also after one has failed."""
    names = {job.name: job for job in jobs}

    def needs(job: RelationJob) -> list[RelationJob]:
        return [names[name] for name in job.builder.needs() if name in names]

    for result in run_all(make, jobs, workers, needs):
        if isinstance(result, MMGraphError):
            faults.extend(result)


def _attempt(step: Callable[[], None], faults: Faults) -> bool:
    """Do a step, and return whether it did not fail."""
    try:
        step()
    except MMGraphError as error:
        faults.extend(error)
        return False
    return True


def _raise_if_any(faults: Faults) -> None:
    # A broken table is found by everyone who reads it.
    faults.found = list(dict.fromkeys(faults.found))
    faults.raise_if_any(GraphError)
