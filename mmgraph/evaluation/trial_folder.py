"""The folder of one trial: what its run or baseline wrote, and the note that says that all of it is there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from mmgraph.atomic import atomic_write
from mmgraph.config import read_yaml
from mmgraph.errors import RunError
from mmgraph.evaluation.comparison import Trial
from mmgraph.evaluation.fitted import Fitted
from mmgraph.parquet_file import may_start_threads, read_parquet
from mmgraph.training.config import TrainConfig
from mmgraph.yaml_text import dump_yaml

NOTE = "trial.json"
"""The file that a trial's folder has once it is done; what it asked for is in it."""


UNITS = "unit_scores.npy"
"""The file with what the main metric on test is the mean of."""


def write_baseline(folder: Path, fitted: Fitted, metrics: dict[str, dict[str, float]]) -> None:
    """Write what a baseline came to, as a run is written."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    atomic_write(folder / "config.yaml", dump_yaml(fitted.config))
    fitted.predictions.to_parquet(folder / "predictions.parquet", index=False)


def note_done(folder: Path, trial: Trial, asked: dict[str, Any]) -> None:
    """Note that a trial is done.

    Args:
        folder: Its folder, with everything in it.
        trial: The trial.
        asked: What it was asked to do, as JSON.
    """
    if trial.unit_scores is not None:
        file = io.BytesIO()
        np.save(file, trial.unit_scores, allow_pickle=False)
        atomic_write(folder / UNITS, file.getvalue())
    content = {
        "format": 1,
        "entry": trial.entry,
        "draw": trial.draw,
        "seed": trial.seed,
        "parameters": trial.parameters,
        "seconds": round(trial.seconds, 3),
        "asked": asked,
    }
    atomic_write(folder / NOTE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_trial(folder: Path, asked: dict[str, Any]) -> Trial | None:
    """Return the trial that a folder holds; nothing if it is not done, or was asked to do something else.

    Raises:
        RunError: If it is done and a file of it cannot be read.
    """
    if not (folder / NOTE).is_file():
        return None
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        if _as_now(note["asked"]) != asked:
            return None
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        predictions = read_parquet(folder / "predictions.parquet").to_pandas(use_threads=may_start_threads())
        history, units = folder / "history.csv", folder / UNITS
        return Trial(
            entry=note["entry"],
            seed=note["seed"],
            metrics=metrics,
            predictions=predictions,
            history=pd.read_csv(history) if history.is_file() else None,
            config=read_yaml(folder / "config.yaml"),
            draw=note["draw"],
            parameters=note["parameters"],
            seconds=note["seconds"],
            unit_scores=np.load(units, allow_pickle=False) if units.is_file() else None,
        )
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f"cannot be read: {error}", where=str(folder), fix="Remove the folder, and it is made again."
        ) from None


def _as_now(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a trial was asked to do with the defaults of config keys that were not there yet."""
    if asked["config"] is None:
        return asked
    try:
        config = TrainConfig.model_validate(asked["config"])
    except ValidationError:
        # Of another version, which knew other keys.
        return asked
    return {**asked, "config": config.model_dump(mode="json")}
