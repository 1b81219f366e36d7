"""Answers for new entities as a table on disk."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.atomic import atomic_write, require_file

_FORMATS = (".csv", ".jsonl", ".parquet")


def require_answer_file(file: Path, *, overwrite: bool) -> None:
    """Make sure that answers can be written to a file.

    Raises:
        ConfigError: If its name has another ending than ``.csv``, ``.jsonl`` and ``.parquet``, or if it is
            there already.
    """
    require_file(file, _FORMATS, overwrite=overwrite)


def write_answers(file: Path, table: pd.DataFrame) -> None:
    """Write answers, whole or not at all.

    Args:
        file: Ends in ``.csv``, ``.jsonl`` or ``.parquet``; in CSV, probabilities and labels are JSON lists in
            a cell.
        table: From :meth:`mmgraph.Predictor.predict`.
    """
    if file.suffix == ".parquet":
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        atomic_write(file, content.getvalue())
        return
    rows = plain_answers(table)
    if file.suffix == ".jsonl":
        atomic_write(file, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
        return
    plain = pd.DataFrame(rows, columns=table.columns)
    for name in plain.columns:
        if plain[name].map(lambda value: isinstance(value, list)).any():
            plain[name] = plain[name].map(lambda value: json.dumps(value, ensure_ascii=False))
    atomic_write(file, plain.to_csv(index=False, lineterminator="\n"))


def plain_answers(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return answers as JSON values, a mapping for each entity.

    Args:
        table: From :meth:`mmgraph.Predictor.predict`.
    """
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    for row in rows:
        row.update({name: value.tolist() for name, value in row.items() if isinstance(value, np.ndarray)})
    return rows
