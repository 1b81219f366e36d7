"""One training and what came of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mmgraph.errors import ConfigError, DivergedError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import View
from mmgraph.models.leading_to import leading_to
from mmgraph.tasks import Task
from mmgraph.tasks.common_space import CommonSpace
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.matching import Matching
from mmgraph.training.assemble import visible_graph
from mmgraph.training.batching import open_inference
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import reproducible
from mmgraph.training.fine_tuning import encoded_by
from mmgraph.training.inference import Inference, Rows
from mmgraph.training.memory import memory_told
from mmgraph.training.module import TaskModule
from mmgraph.training.non_finite import lost, not_finite, origin_in_graph, rows_not_finite


class Run:
    """A trained model with its graph, its config and its history.

    All its numbers are computed on the CPU, wherever it was trained.

    Args:
        graph: The whole graph, with what the task must not see.
        config: The resolved config.
        module: The model with the weights of its best epoch.
        history: One row for each epoch.
        best_epoch: The epoch that the weights are from.
        folder: Where the run is, if it is on disk.
        last_weights: The weights after the last step, with ``ema`` their average, by name; by default those
            in the folder.
    """

    def __init__(
        self,
        *,
        graph: Graph,
        config: TrainConfig,
        module: TaskModule,
        history: pd.DataFrame,
        best_epoch: int,
        folder: Path | None = None,
        last_weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.graph = graph
        self.config = config
        self.module = module
        self.history = history
        self.best_epoch = best_epoch
        self.folder = folder
        self._last_weights = last_weights
        self._kept: dict[View | None, dict[str, Tensor]] = {}

    @property
    def task(self) -> Task:
        """The task that it was trained on."""
        return self.module.task

    @property
    def last_weights(self) -> Mapping[str, Tensor]:
        """The weights after the last step, for ``run.module.load_state_dict``; the module has the best ones.

        With ``ema`` they are the average of the weights, as the best ones are.

        Raises:
            RunError: If they cannot be read.
        """
        from mmgraph.training.run_folder import LAST, read_weights

        if self._last_weights is None:
            assert self.folder is not None
            self._last_weights = read_weights(self.folder / LAST)
        return self._last_weights

    def evaluate(self, split: str = "test") -> dict[str, float]:
        """Return the metrics of one split under torchmetrics' names; see :meth:`output` for what it raises.

        Args:
            split: ``train``, ``validation`` or ``test``.
        """
        return self.task.metrics(self.output(split), self.task.rows(split))

    def output(self, split: str) -> Tensor:
        """Return what the task makes of one split's rows, which its metrics are made of, [R, ...].

        Args:
            split: ``train``, ``validation`` or ``test``.

        Raises:
            ConfigError: If there is no such split.
            GraphError: If none of its entities is labelled.
            DivergedError: If the output for one of them is not finite, as metrics would be of no worth.
            RunError: If memory runs out.
        """
        rows = self.task.rows(split)
        with memory_told("while the output was made", fix="Free some memory."), torch.no_grad():
            output = self.task.output(self.module.head, self.unify, rows)
        bad = rows_not_finite(output)
        if len(bad):
            if name := self.task.name_of_output(int(bad[0])):
                raise lost(f"{name} is not finite for the {split} split", origin_in_graph(self.view))
            ids = self.task.labels.ids[rows[bad].numpy()]
            raise self._not_finite(
                f"the output for the {split} split", self.task.labels.entity, ids, len(rows)
            )
        return output

    def metrics(self) -> dict[str, dict[str, float]]:
        """Return the metrics of every split that has labelled entities; see :meth:`evaluate`."""
        return {split: self.evaluate(split) for split in self.task.labelled_splits()}

    def predictions(self) -> pd.DataFrame:
        """Return id, split, target and prediction of every entity of the task's type.

        A classification adds ``probabilities``, in the order of ``run.task.classes``; of several labels,
        target and prediction are lists, and the order is that of ``run.task.names``. Where the output for an
        entity is not finite, its prediction is missing.
        """
        task = self.task
        with memory_told("while predictions were made", fix="Free some memory."), torch.no_grad():
            if not isinstance(task, EntityTask):
                return task.predict(self.module.head, self.unify)
            output = task.output(self.module.head, self.unify, torch.arange(len(task.labels)))
        table, bad = task.predictions(output), rows_not_finite(output)
        if len(bad):
            table.loc[bad.numpy(), table.columns[table.columns.get_loc("prediction") :]] = None
        return table

    def embed(
        self, entity: str | None = None, *, side: str | None = None, modality: str | None = None
    ) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float32]]:
        """Return the unified representation of every entity of a type, one side of each, or modality nodes.

        Args:
            entity: The entity type; that of the task by default.
            side: Of a retrieval, the modality by which entities are seen, in the space in which both sides
                are compared; see :class:`~mmgraph.tasks.common_space.CommonSpace`. By default all is seen.
            modality: A modality, of whose nodes the state is returned that the last layer to read them finds;
                it is not normed, and comparable within the modality alone.

        Returns:
            The ids, text [N], and the vectors, float32 [N, hidden_channels]. Of a modality the ids are those
            of the entities that its nodes belong to, in the order of the nodes: an entity that lacks it is
            not there, and one with a sequence is there for each step. With a side those of entities
            that have it, float32 [R, D], of length 1: inner products of both sides are cosines. D is
            ``contrastive.channels``, and with ridge regression also the widths of both modalities' features.

        Raises:
            ConfigError: If there is no such entity type, side or modality, or the model does not see it.
            DivergedError: If one of them is not finite.
            RunError: If memory runs out.
        """
        entity = entity or self.task.labels.entity
        known = self.module.model.outputs
        if entity not in known:
            raise ConfigError(
                f"there is no entity type {entity!r}", where="--entity", fix=did_you_mean(entity, known)
            )
        if modality is not None:
            return self._embed_modality(entity, modality, side)
        ids = self.graph.nodes[entity]["id"].to_numpy(dtype=str)
        if side is None:
            what, vectors = "the unified representation", self._unified([entity])[entity]
        else:
            space = self.space(side, entity=entity)
            what, ids = f"the side {side!r}", ids[space.rows.numpy()]
            with memory_told("while entities were embedded", fix="Free some memory."), torch.no_grad():
                vectors = space.vectors(self.module.head, self.unify, space.rows)
        bad = rows_not_finite(vectors).numpy()
        if len(bad):
            raise self._not_finite(what, entity, ids[bad], len(ids))
        return ids, vectors.numpy()

    def _embed_modality(
        self, entity: str, modality: str, side: str | None
    ) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float32]]:
        """Return the ids and the states of the nodes of a modality; see :meth:`embed`."""
        if side is not None:
            raise ConfigError(
                f"got {modality!r} beside the side {side!r}; wanted one of both",
                where="--modality",
                fix="A side is an entity by one modality alone, a modality its nodes in the whole graph.",
            )
        seen = [t.modality for t in self.view.schema.node_types if t.entity == entity and t.modality]
        name = f"{entity}/{modality}"
        part = leading_to(self.module.model, name) if modality in seen else None
        if part is None:
            raise ConfigError(
                f"the model sees no modality {modality!r} of {entity!r}",
                where="--modality",
                fix=did_you_mean(modality, seen),
            )
        ids = self.graph.nodes[name]["id"].to_numpy(dtype=str)
        part.eval()
        with (
            memory_told("while a modality was embedded", fix="Free some memory."),
            reproducible(self.config.seed, torch.device("cpu")),
        ):
            vectors = self._inference.unify(part, {name: torch.arange(len(ids))})[name]
        bad = rows_not_finite(vectors).numpy()
        if len(bad):
            raise self._not_finite("the state", name, ids[bad], len(ids))
        return ids, vectors.numpy()

    def space(self, side: str, *, entity: str | None = None, where: str = "--side") -> CommonSpace:
        """Return one side of the entities that a retrieval was trained on.

        Args:
            side: The modality by which entities are seen.
            entity: The entity type, which must be that of the task.
            where: What names the side, for messages.

        Raises:
            ConfigError: If the run is no retrieval, or one of other entities or modalities.
        """
        space = CommonSpace.of(self.task, side, where=where)
        if entity not in (None, self.task.labels.entity):
            raise ConfigError(
                f"got {entity!r}, but the retrieval is one of {self.task.labels.entity!r}",
                where="--entity",
                fix="Leave it out.",
            )
        return space

    @functools.cached_property
    def threshold(self) -> float:
        """Of a matching: the logit from which on a pair belongs together, the best one on validation."""
        assert isinstance(self.task, Matching)
        with memory_told("while pairs were made", fix="Free some memory."), torch.no_grad():
            return self.task.threshold(self.module.head, self.unify)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the run to a folder.

        Args:
            folder: Where to.
            overwrite: Replace an earlier run.

        Raises:
            UserError: If the folder is there already and must not be replaced.
        """
        from mmgraph.training.run_folder import save_run

        save_run(self, Path(folder), overwrite=overwrite)
        self.folder = Path(folder)

    def describe(self) -> dict[str, Any]:
        """Return what it was trained on and how it went, as JSON."""
        return {
            "task": self.task.labels.task,
            "model": self.config.model.name,
            "seed": self.config.seed,
            "batch_size": self.config.batch_size,
            "fanout": self.config.fanout,
            "devices": self.config.devices,
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            "target": self.task.describe(),
            "notes": self.module.notes,
        }

    @functools.cached_property
    def view(self) -> Graph:
        """The graph as the model sees it; features of fine-tuned encoders are those that they make now."""
        view = visible_graph(self.graph, self.task.labels.task, self.config)
        return encoded_by(self.module.model, view)

    @functools.cached_property
    def _inference(self) -> Inference:
        """What tells what the model makes of entities."""
        with memory_told("while the graph was read", fix="Free some memory."):
            return open_inference(self.view, self.module, self.config)

    def unify(self, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return unified representations as tasks take them; those of all are made once for each view."""
        unified = self._unified(rows, view)
        return {name: unified[name][index] for name, index in rows.items()}

    def _unified(self, names: Iterable[str], view: View | None = None) -> dict[str, Tensor]:
        """Return the unified representation of entity types, [N, hidden_channels] each, and keep it."""
        kept = self._kept.setdefault(view, {})
        sizes = {name: self.graph.schema.node_type(name).num_nodes for name in names}
        rows = {name: torch.arange(size) for name, size in sizes.items() if name not in kept}
        if rows:
            self.module.eval()
            with reproducible(self.config.seed, torch.device("cpu")):
                kept |= self._inference.unify(self.module.model, rows, view)
        return kept

    def _not_finite(self, what: str, entity: str, ids: npt.NDArray[np.str_], of: int) -> DivergedError:
        return not_finite(what, entity, ids, of, origin_in_graph(self.view))
