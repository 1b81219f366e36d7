"""One training and what came of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import View
from mmgraph.tasks import Task
from mmgraph.training.assemble import visible_graph
from mmgraph.training.batching import open_inference
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import reproducible
from mmgraph.training.inference import Inference, Rows
from mmgraph.training.module import TaskModule


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
        last_weights: The weights after the last step, by name; by default those in the folder.
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
        self._seen: dict[View, dict[str, Tensor]] = {}

    @property
    def task(self) -> Task:
        """The task that it was trained on."""
        return self.module.task

    @property
    def last_weights(self) -> Mapping[str, Tensor]:
        """The weights after the last step, for ``run.module.load_state_dict``; the module has the best ones.

        Raises:
            RunError: If they cannot be read.
        """
        from mmgraph.training.run_folder import LAST, read_weights

        if self._last_weights is None:
            assert self.folder is not None
            self._last_weights = read_weights(self.folder / LAST)
        return self._last_weights

    def evaluate(self, split: str = "test") -> dict[str, float]:
        """Return the metrics of one split under torchmetrics' names.

        Args:
            split: ``train``, ``validation`` or ``test``.

        Raises:
            ConfigError: If there is no such split.
            GraphError: If none of its entities is labelled.
        """
        rows = self.task.rows(split)
        with torch.no_grad():
            output = self.task.output(self.module.head, self._unify, rows)
        return self.task.metrics(output, rows)

    def metrics(self) -> dict[str, dict[str, float]]:
        """Return the metrics of every split that has labelled entities."""
        return {split: self.evaluate(split) for split in self.task.labelled_splits()}

    def predictions(self) -> pd.DataFrame:
        """Return id, split, target and prediction of every entity of the task's type.

        A classification adds ``probabilities``, in the order of ``run.task.classes``.
        """
        with torch.no_grad():
            return self.task.predict(self.module.head, self._unify)

    def embed(self, entity: str | None = None) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float32]]:
        """Return the unified representation of every entity of a type.

        Args:
            entity: The entity type; that of the task by default.

        Returns:
            The ids, text [N], and the vectors, float32 [N, hidden_channels].

        Raises:
            ConfigError: If there is no such entity type.
        """
        entity = entity or self.task.labels.entity
        if entity not in self._unified:
            raise ConfigError(
                f"there is no entity type {entity!r}",
                where="--entity",
                fix=did_you_mean(entity, self._unified),
            )
        ids = self.graph.nodes[entity]["id"].to_numpy(dtype=str)
        return ids, self._unified[entity].numpy()

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
    def _inference(self) -> Inference:
        """What tells what the model makes of entities."""
        view = visible_graph(self.graph, self.task.labels.task, self.config)
        return open_inference(view, self.module, self.config)

    @functools.cached_property
    def _unified(self) -> dict[str, Tensor]:
        """The unified representation of every entity type, [N, hidden_channels]."""
        return self._unify_all(None)

    def _unify(self, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return unified representations; those of all entities are worked out once for each view."""
        if view is None:
            unified = self._unified
        else:
            if view not in self._seen:
                self._seen[view] = self._unify_all(view)
            unified = self._seen[view]
        return {name: unified[name][index] for name, index in rows.items()}

    def _unify_all(self, view: View | None) -> dict[str, Tensor]:
        types = [self.graph.schema.node_type(name) for name in self.module.model.outputs]
        rows = {t.name: torch.arange(t.num_nodes) for t in types}
        self.module.eval()
        with reproducible(self.config.seed, torch.device("cpu")):
            return self._inference.unify(self.module.model, rows, view)
