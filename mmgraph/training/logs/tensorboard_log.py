"""A log for TensorBoard, in the run folder."""

from __future__ import annotations

import time
from typing import Any

from mmgraph.training.history import Epoch, epoch_row
from mmgraph.training.logs.log import Beginning, Log


class TensorBoardLog(Log):
    """Writes scalars, and the config as hyper-parameters, to ``tensorboard/``.

    The file is written here, as TensorBoard's own writer would name it after the machine.

    Args:
        beginning: What is known when the training begins.
    """

    def __init__(self, beginning: Beginning) -> None:
        # Takes a quarter of a second to import.
        from tensorboard.summary.writer.record_writer import RecordWriter
        from torch.utils.tensorboard.summary import hparams

        assert beginning.folder is not None
        folder = beginning.folder / "tensorboard"
        folder.mkdir(exist_ok=True)
        number = len(list(folder.iterdir()))
        # Closed by close(), as every log is.
        self._writer = RecordWriter((folder / f"events.out.tfevents.{number}").open("wb"))
        self._write(0, file_version="brain.Event:2")
        made: Any = hparams(beginning.hyper_parameters(), {beginning.monitor: 0.0})  # type: ignore[no-untyped-call]
        for summary in made:
            self._write(0, summary=summary)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Write ``step/loss`` and ``step/lr``."""
        self._scalars(step, {"step/loss": loss, "step/lr": lr})

    def epoch(self, epoch: Epoch, step: int) -> None:  # noqa: ARG002 - epochs have an axis of their own
        """Write a scalar for each column of the history, by the number of the epoch."""
        row = epoch_row(epoch)
        self._scalars(int(row.pop("epoch")), row)

    def close(self, *, failed: bool) -> None:  # noqa: ARG002 - the log does not say
        """Close the file."""
        self._writer.close()

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step, summary=Summary(value=scalars))

    def _write(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.write(Event(wall_time=time.time(), step=step, **content).SerializeToString())
        # Whoever looks at the log while the training goes on sees it at once.
        self._writer.flush()
