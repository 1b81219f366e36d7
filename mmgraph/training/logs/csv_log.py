"""A log in CSV files, in the run folder."""

from __future__ import annotations

import csv
from pathlib import Path

from mmgraph.training.history import Epoch, epoch_row
from mmgraph.training.logs.log import Beginning, Log
from mmgraph.yaml_text import dump_yaml


class CSVLog(Log):
    """Writes ``csv/steps.csv``, ``csv/epochs.csv`` and, to begin with, ``csv/config.yaml``.

    Args:
        beginning: What is known when the training begins.
    """

    def __init__(self, beginning: Beginning) -> None:
        assert beginning.folder is not None
        folder = beginning.folder / "csv"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(dump_yaml(beginning.config), encoding="utf-8")
        self._steps = _Table(folder / "steps.csv")
        self._epochs = _Table(folder / "epochs.csv")

    def step(self, step: int, loss: float, lr: float) -> None:
        """Write a row of ``steps.csv``."""
        self._steps.add({"step": step, "loss": loss, "lr": lr})

    def epoch(self, epoch: Epoch, step: int) -> None:
        """Write a row of ``epochs.csv``, with the columns of the history and the step."""
        row = epoch_row(epoch)
        self._epochs.add({"epoch": row.pop("epoch"), "step": step, **row})

    def close(self, *, failed: bool) -> None:  # noqa: ARG002 - the log does not say
        """Close the files."""
        self._steps.close()
        self._epochs.close()


class _Table:
    """A CSV file that grows; its first row names the columns, and its first column counts.

    A training that is resumed repeats what came after its last checkpoint: rows of that are replaced.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._begun = False

    def add(self, row: dict[str, float]) -> None:
        if not self._begun:
            self._file.seek(0)
            before = [
                known
                for known in list(csv.reader(self._file))[1:]
                if int(known[0]) < next(iter(row.values()))
            ]
            self._file.truncate(0)
            self._writer.writerows([list(row), *before])
            self._begun = True
        self._writer.writerow(row.values())
        # Whoever looks at the log while the training goes on sees it at once.
        self._file.flush()

    def close(self) -> None:
        self._file.close()
