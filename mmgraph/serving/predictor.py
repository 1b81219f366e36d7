"""A trained model for entities that were not there when its graph was built."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmgraph.counted import agreed
from mmgraph.data.dataset import Dataset
from mmgraph.errors import ConfigError, RunError, did_you_mean
from mmgraph.graph.attach import AttachedGraph, attach
from mmgraph.graph.attach_relation import relation_builder
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.progress import Progress
from mmgraph.serving.hearing import Hearing, new_features, why_not_alone
from mmgraph.serving.known_states import KnownStates
from mmgraph.serving.new_pairs import match_new
from mmgraph.serving.new_rows import NewEntities, read_new
from mmgraph.serving.new_sides import modality_of, refuse_lacking
from mmgraph.serving.notes import notes_on
from mmgraph.serving.relations_read import relations_read
from mmgraph.serving.seen import Embedded, Seen
from mmgraph.tasks import Classification, EntityTask, MultiTask
from mmgraph.tasks.common_space import CommonSpace
from mmgraph.tasks.matching import Matching
from mmgraph.training.assemble import visible_graph
from mmgraph.training.environment import reproducible
from mmgraph.training.inference import AtOnce
from mmgraph.training.known_nodes import known_nodes
from mmgraph.training.memory import memory_told
from mmgraph.training.non_finite import Origin, not_finite, origin_in_features, rows_not_finite
from mmgraph.training.run import Run


class Predictor:
    """Answers for new entities: encoded by the encoders that the graph keeps, tied to what it knows by its
    relations, embedded by message passing from there.

    Nothing is trained, and what is known stays as it is: new entities hear from known ones alone, so that
    the answer for one does not depend on its company. What the model has made of the known ones is worked
    out at the first question and kept, so that a further one costs its own encoding and a few edges.

    A model with a layer that looks at all nodes together (``han``; ``aggr: semantic``), or that completes
    missing modalities, is run on the whole graph for each question.

    Args:
        run: The run.

    Attributes:
        whole_graph: Why the whole graph is passed for each question; nothing if it is not.
        untied: The relations that the model reads and that cannot tie new entities.

    Raises:
        RunError: If the run is a control whose edges are shuffled or whose features are noise.

    Example:
        >>> predictor = Predictor(load_run("run"))  # doctest: +SKIP
        >>> predictor.predict([{"id": "new1", "sans": "a.png"}])  # doctest: +SKIP
    """

    def __init__(self, run: Run) -> None:
        if run.config.edges == "shuffled" or run.config.features == "noise":
            key, what = (
                ("edges", "edges lead to random nodes")
                if run.config.edges == "shuffled"
                else ("features", "features are noise")
            )
            raise RunError(
                f"its {what}, a control for comparisons: a new entity has none of these",
                where=f"run {run.folder or run.task.labels.task}",
                fix=f"Use a run with --set {key}=given.",
            )
        self.run = run
        # Relations tie new entities by the features that they were built from, the model reads its own.
        self.view = visible_graph(run.graph, run.task.labels.task, run.config)
        self._model = run.module.eval().model
        self.whole_graph = why_not_alone(self._model)
        self._read = relations_read(self._model, self.view)
        self.untied = sorted(n for n in self._read if not relation_builder(self.view, n).inductive)

    def predict(
        self,
        entities: NewEntities,
        *,
        folder: str | Path | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Return what the run says of new entities of its task's type.

        Args:
            entities: Rows, as a table or as mappings from columns to values; the file of a table; or a folder
                with tables under the names that the graph's dataset gives them. Columns are those of the
                dataset; one that is not there is empty for all.
            folder: Where the files are that rows name, and the tables of relations; for a table by default
                its own folder, for rows the current one.
            progress: Told what is going on.

        Returns:
            One row for each entity, in the order in which they were given: ``id``, ``prediction`` (of several
            labels those told), for a classification ``probability`` (of the prediction) and ``probabilities``
            (in the order of ``run.task.classes``; of labels, of ``run.task.names``), and ``notes``:
            modalities that it lacks, content that no training entity had, relations by which it has no
            neighbour. Of a matching, a row is a pair: ``prediction`` says whether its two modalities belong
            together, and ``probability`` how likely that is. Of several tasks, columns have the name of
            their task before them, as in ``size/prediction``, and entities are of the first task's type.

        Raises:
            ConfigError: If the run's task says nothing of single entities.
            DivergedError: If the output for one of them is not finite.
            RunError: If memory runs out.
            MMGraphError: If the graph has an id already, or something cannot be read: all faults at once.
        """
        task = self.run.task
        if not isinstance(task, EntityTask | MultiTask | Matching):
            raise ConfigError(
                f"the task {task.labels.task!r} is {task.labels.kind}, which says nothing of a single entity",
                where=f"run {self.run.folder or task.labels.task}",
                fix="Embed new entities instead (mmgraph embed --input), or use a run of a task with a "
                "target of each entity.",
            )
        if isinstance(task, Matching):
            return match_new(self, task, entities, folder=folder, progress=progress)
        found = self.embed(entities, folder=folder, progress=progress)
        with torch.no_grad():
            output = task.answer(self.run.module.head, torch.from_numpy(found.vectors))
        bad = rows_not_finite(output)
        if len(bad):
            highest = np.abs(found.vectors).max()
            origin = Origin(f"their unified representations are finite, and go up to {highest:.3g}")
            raise not_finite("the output", task.labels.entity, found.ids[bad.numpy()], len(output), origin)
        table = task.decode(output)
        if isinstance(task, Classification):
            most = [float(np.max(row)) for row in table["probabilities"]]
            table.insert(list(table.columns).index("probabilities"), "probability", most)
        table.insert(0, "id", found.ids.astype(object))
        return table.assign(notes=found.notes)

    @memory_told("while new entities were encoded, tied and embedded", fix="Give fewer at a time.")
    def embed(
        self,
        entities: NewEntities,
        *,
        entity: str | None = None,
        side: str | None = None,
        folder: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Embedded:
        """Return the unified representation of new entities of one type, or one side of each.

        Args:
            entities: As for :meth:`predict`.
            entity: The entity type; that of the task by default.
            side: Of a retrieval, the modality by which they are seen; see :meth:`Run.embed`.
            folder: As for :meth:`predict`.
            progress: Told what is going on.

        Raises:
            ConfigError: If there is no such entity type or side, or an entity lacks the side.
            DivergedError: If one of them is not finite.
            RunError: If memory runs out.
            MMGraphError: If the graph has an id already, or something cannot be read: all faults at once.
        """
        entity, progress = entity or self.run.task.labels.entity, progress or Progress(quiet=True)
        types = [t.name for t in self.view.schema.node_types if t.modality is None]
        if entity not in types:
            raise ConfigError(
                f"there is no entity type {entity!r}", where="--entity", fix=did_you_mean(entity, types)
            )
        space = None if side is None else self.run.space(side, entity=entity, where="side")
        dataset = self.read(entities, entity=entity, folder=folder, progress=progress)
        seen = self.see(dataset, entity, space, progress=progress)
        vectors = seen.states
        if space is not None:
            with torch.no_grad():
                vectors = space.place(self.run.module.head, vectors, modality_of(space, seen.attached))
        self.require_finite(vectors, entity, seen.attached)
        ids, order = np.array(seen.attached.new[entity], dtype=str), seen.order
        return Embedded(ids[order], vectors.numpy()[order], [seen.notes[row] for row in order])

    def read(
        self, entities: NewEntities, *, entity: str, folder: str | Path | None, progress: Progress
    ) -> Dataset:
        """Return new entities as a dataset that joins the graph's; see :meth:`embed`."""
        if self.untied:
            progress.say(
                f"{agreed(len(self.untied), 'the relation', 'the relations')} {', '.join(self.untied)} "
                f"{agreed(len(self.untied), 'ties', 'tie')} no new entities"
            )
        return read_new(self.view, entities, entity=entity, folder=folder, progress=progress)

    def see(
        self, dataset: Dataset, entity: str, space: CommonSpace | None = None, *, progress: Progress
    ) -> Seen:
        """Return the unified representation of new entities of one type.

        Args:
            dataset: The new entities; see :meth:`read`.
            entity: Their type.
            space: The side from which they are seen; by default as a whole.
            progress: Told what is going on.

        Raises:
            ConfigError: If an entity lacks the side.
            MMGraphError: If the graph has an id already, or something cannot be read: all faults at once.
        """
        read = set(self._read if space is None else space.side.relations.intersection(self._read))
        attached = attach(
            self.view,
            dataset,
            skip={*self.view.schema.relations} - read | {*self.untied},
            progress=progress,
        )
        if not attached.new[entity]:
            raise ConfigError(
                f"got new entities of other types than {entity!r}",
                where="--input",
                fix=f"Give a table of {entity!r}.",
            )
        if space is not None:
            refuse_lacking(space, attached)
        with reproducible(self.run.config.seed, torch.device("cpu")), torch.no_grad():
            states = self._unify(attached, space)[entity]
        notes = notes_on(
            self.view,
            attached,
            entity,
            read=read.intersection(relations_read(self._model, self.view, entity)),
            untied=read.intersection(self.untied),
            modalities=None if space is None else space.side.modalities,
        )
        rows = dataset.entity_table(entity).rows
        order = np.arange(len(states)) if rows is None else np.argsort(rows)
        return Seen(attached, states, notes, order)

    def _unify(self, attached: AttachedGraph, space: CommonSpace | None) -> dict[str, Tensor]:
        if self.whole_graph is None:
            return self._hearing.unify(attached, space)
        fresh = new_features(self._model, attached)
        features = {n: np.concatenate([self.run.view.features[n], x]) for n, x in fresh.items()}
        batch = GraphBatch.of(attached.graph.with_features(features) if features else attached.graph)
        sizes = {t.name: t.num_nodes for t in self.view.schema.node_types if t.modality is None}
        rows = {name: torch.arange(size, size + len(attached.new[name])) for name, size in sizes.items()}
        view = None
        if space is not None:
            new = torch.ones(len(attached.new[space.task.labels.entity]), dtype=torch.bool)
            view = space.side.view(torch.cat([space.asked, new]))
        return AtOnce(batch, self.whole_graph).unify(self._model, rows, view)

    def require_finite(self, vectors: Tensor, entity: str, attached: AttachedGraph) -> None:
        """Raise if what a model makes of a new entity is not finite.

        Args:
            vectors: Of the entities as the attached graph has them, [N, ...].
            entity: Their type.
            attached: What they are attached to.
        """
        bad = rows_not_finite(vectors)
        if len(bad):
            factory, features, owners = attached.factory, {}, {}
            for name in self.view.features:
                features[name] = factory.encoded(name).features
                new = np.array(attached.new[factory.parts(name)[0]], dtype=str)
                owners[name] = new[factory.entity_index(name)]
            ids = np.array(attached.new[entity], dtype=str)[bad.numpy()]
            origin = origin_in_features(features, owners)
            raise not_finite("the unified representation", entity, ids, len(vectors), origin)

    @functools.cached_property
    def _hearing(self) -> Hearing:
        degrees = known_nodes(self._model.featureless, self.view)
        view = self.run.view
        return Hearing(view, self._model, KnownStates(view, self.run), degrees)


def predict(
    run: Run,
    entities: NewEntities,
    *,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return what a run says of new entities of its task's type.

    Whoever asks more than once keeps a :class:`Predictor`, which does not begin anew each time.

    Args:
        run: The run.
        entities: Rows, a table's file or a folder; see :meth:`Predictor.predict`.
        folder: Where the files are that rows name, and the tables of relations.
        progress: Told what is going on.

    Returns:
        One row for each entity; see :meth:`Predictor.predict`.

    Raises:
        MMGraphError: If the graph has an id already, or something cannot be read: all faults at once.

    Example:
        >>> predict(load_run("run"), "new-glyphs.csv")  # doctest: +SKIP
    """
    return Predictor(run).predict(entities, folder=folder, progress=progress)
