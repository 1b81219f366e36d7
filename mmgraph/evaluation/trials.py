"""One trial of a comparison: an entry with one seed on one split; and the search for its config before."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.comparison import Trial
from mmgraph.evaluation.entries import Entry
from mmgraph.evaluation.ground import Ground
from mmgraph.evaluation.search import chosen_config, space_of
from mmgraph.evaluation.trial_folder import NOTE, note_done, read_trial, write_baseline
from mmgraph.evaluation.unit_scores import unit_scores
from mmgraph.tasks import Task
from mmgraph.training.config import TrainConfig
from mmgraph.training.run import Run
from mmgraph.training.train import train


@dataclass(frozen=True, eq=False)
class Job:
    """What a trial does.

    Args:
        entry: The entry.
        draw: The number of the split.
        seed: The seed.
        overrides: Config overrides for all models.
        config: The config of a model before the search, which other seeds do not change.
        trials: How many configs are tried on validation first; 0 for none.
        first_seed: The seed of that search.
        out: The folder of the comparison; nothing to write none.
    """

    entry: Entry
    draw: int
    seed: int
    overrides: tuple[str, ...]
    config: TrainConfig | None
    trials: int
    first_seed: int
    out: Path | None

    @property
    def folder(self) -> Path | None:
        """Where the trial is written."""
        if self.out is None:
            return None
        return run_folder(self.out, self.entry, draw=self.draw, seed=self.seed)

    @property
    def searches(self) -> bool:
        """Whether a search goes before it."""
        return self.trials > 0 and self.config is not None

    def asked(self, fingerprint: str) -> dict[str, Any]:
        """Return what makes this trial what it is, as JSON.

        Args:
            fingerprint: That of the graph with this split.
        """
        config = None if self.config is None else self.config.model_dump(mode="json")
        return {
            "model": self.entry.model,
            "graph": fingerprint,
            "config": config,
            "trials": self.trials,
            "first_seed": self.first_seed,
        }


def run_folder(out: Path, entry: Entry, *, draw: int, seed: int) -> Path:
    """Return where a trial of a comparison is.

    Args:
        out: The folder of the comparison.
        entry: The entry.
        draw: The number of the split.
        seed: The seed.
    """
    own = out / "runs" / entry.folder
    return (own / f"split-{draw}" if draw else own) / str(seed)


def search_for(job: Job, ground: Ground) -> TrainConfig | None:
    """Return the config that a trial trains with; nothing where it searches for none.

    With a folder the search is kept there, once for all seeds, and goes on where it was.
    """
    if not job.searches:
        return None
    assert job.config is not None
    out = None if job.out is None else job.out / "studies" / job.entry.folder / str(job.draw)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
    return chosen_config(
        ground.graph,
        ground.task_name,
        job.entry.model,
        [*job.overrides, *job.entry.overrides],
        space=space_of(job.config),
        trials=job.trials,
        seed=job.first_seed,
        out=out,
    )


def find_trial(job: Job, ground: Ground) -> Trial | None:
    """Return what a trial came to if it is done already."""
    if job.folder is None:
        return None
    return read_trial(job.folder, job.asked(ground.graph.fingerprint()))


def run_trial(job: Job, ground: Ground, found: TrainConfig | None) -> Trial:
    """Train, or fit, one entry and measure it.

    Args:
        job: What to do.
        ground: The split.
        found: What a search has found for it.
    """
    began = time.monotonic()
    if job.folder is not None and (job.folder / NOTE).is_file():
        # It was done as another config, or an earlier graph, asked for it.
        shutil.rmtree(job.folder)
    trial = _fit(job, ground, began) if job.entry.is_baseline else _train(job, ground, found, began)
    folder = job.folder
    if folder is None:
        return trial
    note_done(folder, trial, job.asked(ground.graph.fingerprint()))
    # Read again, so that a trial is the same whether it is done now or was before.
    kept = find_trial(job, ground)
    assert kept is not None
    return kept


def _train(job: Job, ground: Ground, found: TrainConfig | None, began: float) -> Trial:
    run = train(
        ground.graph,
        task=ground.task_name,
        model=None if found is not None else job.entry.model,
        config=found,
        overrides=() if found is not None else [*job.overrides, *job.entry.overrides],
        seed=job.seed,
        out=job.folder,
        # What was cut off goes on where it was.
        resume=job.folder is not None,
    )
    trial = trial_of_run(run, job.entry.name)
    return replace(trial, seed=job.seed, draw=job.draw, seconds=time.monotonic() - began)


def trial_of_run(run: Run, entry: str) -> Trial:
    """Return a run as the trial of an entry, on the first split."""
    metrics, units = _measured(run.task, {split: run.output(split) for split in run.task.labelled_splits()})
    return Trial(
        entry=entry,
        seed=run.config.seed,
        metrics=metrics,
        predictions=run.predictions(),
        history=run.history,
        config=run.config.model_dump(mode="json"),
        parameters=sum(weight.numel() for weight in run.module.parameters() if weight.requires_grad),
        unit_scores=units,
    )


def _measured(
    task: Task, outputs: Mapping[str, Tensor]
) -> tuple[dict[str, dict[str, float]], npt.NDArray[np.float64] | None]:
    """Return the metrics of outputs by split, and what the main one is the mean of on test."""
    metrics = {split: task.metrics(output, task.rows(split)) for split, output in outputs.items()}
    test = outputs.get("test")
    return metrics, None if test is None else unit_scores(task, test, task.rows("test"))


def _fit(job: Job, ground: Ground, began: float) -> Trial:
    baseline, task = BASELINES[job.entry.model], ground.task
    fitted = baseline.fit(task, ground.features if baseline.reads_features else None, ground.view)
    outputs = {split: fitted.output(task.rows(split)) for split in task.labelled_splits()}
    metrics, units = _measured(task, outputs)
    if job.folder is not None:
        write_baseline(job.folder, fitted, metrics)
    return Trial(
        entry=job.entry.name,
        seed=job.seed,
        metrics=metrics,
        predictions=fitted.predictions,
        history=None,
        config=fitted.config,
        draw=job.draw,
        seconds=time.monotonic() - began,
        unit_scores=units,
    )
