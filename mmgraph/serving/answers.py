"""Answers for new entities as a table on disk."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd

from mmgraph.atomic import atomic_write
from mmgraph.errors import ConfigError

_FORMATS = (".csv", ".jsonl", ".parquet")


def require_answer_file(file: Path, *, overwrite: bool) -> None:
    """Make sure that answers can be written to a file.

    Raises:
        ConfigError: If its name has another ending than ``.csv``, ``.jsonl`` and ``.parquet``, or if it is
            there already.
    """
    if file.suffix not in _FORMATS:
        raise ConfigError(
            f"got {str(file)!r}; wanted a name that ends in {', '.join(_FORMATS)}",
            where="--out",
            fix="Rename it.",
        )
    if file.is_dir() or (file.exists() and not overwrite):
        raise ConfigError(
            "is there already", where=str(file), fix="Choose another --out, or pass --overwrite."
        )


def write_answers(file: Path, table: pd.DataFrame) -> None:
    """Write answers, whole or not at all.

    Args:
        file: Ends in ``.csv``, ``.jsonl`` or ``.parquet``; in CSV, probabilities are a JSON list in a cell.
        table: From :meth:`mmgraph.Predictor.predict`.
    """
    if file.suffix == ".parquet":
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        atomic_write(file, content.getvalue())
        return
    plain = table.copy()
    if "probabilities" in plain:
        plain["probabilities"] = [[float(value) for value in row] for row in plain["probabilities"]]
    if file.suffix == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False) for row in plain.to_dict("records"))
        atomic_write(file, "".join(f"{line}\n" for line in lines))
        return
    if "probabilities" in plain:
        plain["probabilities"] = plain["probabilities"].map(json.dumps)
    atomic_write(file, plain.to_csv(index=False, lineterminator="\n"))
