"""What a training is to do, as each of its processes gets it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mmgraph.devices import choose_device
from mmgraph.graph import Graph
from mmgraph.progress import Progress
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import describe_environment
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER
from mmgraph.training.same_training import Training, finished_run
from mmgraph.training.unfinished import has_more_time, remove_unfinished

# An NFS server keeps the lock of a machine that is gone for a while, 90 seconds with Linux's.
_SECONDS_TO_LET_GO = 180.0


@dataclass(frozen=True)
class Order:
    """What a training is to do.

    Args:
        task: The name of the task.
        config: How to train.
        out: The run folder to write, if any.
        overwrite: Whether an earlier one may be replaced.
        resume: Whether to go on where the same training was.
        patience: For how many seconds another process may be at it before that is an error.
        replaced: When the earlier run that is to be replaced was written, in ns; nothing if there is none.
    """

    task: str
    config: TrainConfig
    out: Path | None
    overwrite: bool
    resume: bool
    patience: float = 0.0
    replaced: int | None = None

    def of(self, graph: Graph) -> Training:
        """Return the training that it is on a graph."""
        device = choose_device(self.config.device)
        return Training(
            task=self.task,
            graph=graph.fingerprint(),
            config=self.config,
            environment={**describe_environment(), "device": device.type},
        )

    def replacing_less_time(self, graph: Graph) -> Order:
        """Return the order; if it gives a training more time, that may replace what came of it in less."""
        if self.resume and self.out is not None and has_more_time(self.out, self.of(graph)):
            return replace(self, overwrite=True)
        return self

    def noting_replaced(self) -> Order:
        """Return the order; if it starts anew, those who take over know the earlier run from its own."""
        if self.resume or self.out is None:
            return self
        return replace(self, replaced=_written(self.out))

    def again(self) -> Order:
        """Return the order for those who take over from processes that were lost."""
        return replace(self, resume=True, patience=_SECONDS_TO_LET_GO)

    def finished(self, graph: Graph, progress: Progress) -> Run | None:
        """Return the run that is to be made if it is there already and may be gone on from."""
        if not self.resume or self.out is None:
            return None
        if self.replaced is not None and self.replaced == _written(self.out):
            return None
        asked = self.of(graph)
        run = finished_run(self.out, graph, asked, overwrite=self.overwrite)
        if run is not None:
            remove_unfinished(self.out, asked, patience=self.patience)
            progress.say(f"{self.out} is complete already")
        return run


def _written(run: Path) -> int | None:
    """Return when a run folder was written, in ns; nothing if there is none."""
    marker = run / MARKER
    return marker.stat().st_mtime_ns if marker.is_file() else None
