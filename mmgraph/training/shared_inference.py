"""Inference that several processes share."""

from __future__ import annotations

from torch import Tensor

from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import View
from mmgraph.training.inference import Inference, Rows
from mmgraph.training.processes import Processes


class SharedInference:
    """Each process sees to a part of the entities, each entity once, and all get what all have made.

    Args:
        inference: How a process sees to its part.
        processes: The processes.
    """

    def __init__(self, inference: Inference, processes: Processes) -> None:
        self._inference, self._processes = inference, processes
        self._whole: dict[str, Tensor] = {}
        self._part: dict[str, Tensor] = {}

    def unify(self, model: MultimodalModel, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return the unified representations; see :class:`~mmgraph.training.inference.Inference`."""
        for name, index in rows.items():
            if self._whole.get(name) is not index:
                # The same tensor each time: what an inference works out about rows is kept by that.
                self._whole[name], self._part[name] = index, self._processes.share(index)
        unified = self._inference.unify(model, {name: self._part[name] for name in rows}, view)
        return {name: self._processes.join(unified[name], len(index)) for name, index in rows.items()}
