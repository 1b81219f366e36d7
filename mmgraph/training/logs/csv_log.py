"""A log in CSV files, in the run folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

from mmgraph.atomic import atomic_write
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
        for half in folder.glob(".*.csv.*"):
            # What a process was writing when it was killed.
            half.unlink()
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
        self._path = path
        self._file: TextIO | None = None

    def add(self, row: dict[str, float]) -> None:
        if self._file is None:
            count = next(iter(row.values()))
            lines = [",".join(row), *_rows_before(count, len(row), self._path)]
            atomic_write(self._path, "".join(f"{line}\n" for line in lines))
            self._file = self._path.open("a", encoding="utf-8", newline="")
        csv.writer(self._file, lineterminator="\n").writerow(row.values())
        # Whoever looks at the log while the training goes on sees it at once.
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _rows_before(count: float, width: int, path: Path) -> list[str]:
    """Return the rows of a table that count less; what is no row of it is left out, as are halves of rows."""
    if not path.exists():
        return []
    # Behind the last line break is what a process was writing when it was killed.
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    rows = [(line, line.split(",")) for line in lines]
    return [
        line for line, cells in rows if len(cells) == width and cells[0].isdecimal() and int(cells[0]) < count
    ]
