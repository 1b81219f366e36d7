"""Whether the training that is on disk, done or not, is the one that is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mmgraph.config import Config, parse
from mmgraph.errors import RunError
from mmgraph.graph import Graph
from mmgraph.models.fanout import cut_fanout, hops_of
from mmgraph.training.config import TrainConfig
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER, load_run, read_record

RECORD = "training.json"

SAME_RESULT = frozenset({"batch_threads", "checkpoint_seconds", "engine", "report_to"})
"""Keys of the config that alter no number."""

AGAINST_DIVERGENCE = frozenset({"lr", "clip_norm"})
"""Keys of the optimiser that may be others once a training has stopped since its numbers were not finite."""


Ended = Literal["diverged", "max_time"]
"""Why a training stopped by itself."""


class Training(Config):
    """What a training is: the content of ``training.json``.

    Args:
        task: The name of the task.
        graph: The fingerprint of the whole graph.
        config: What was asked for.
        batch_size: What was chosen where that leaves it open.
        fanout: The same.
        environment: What computes.
        ended: Why it stopped, if it did by itself and may be gone on with.
        notes: What a reader of the metrics should know.
    """

    format: Literal[1] = 1
    task: str
    graph: str
    config: TrainConfig
    batch_size: int | None = None
    fanout: tuple[int, ...] | dict[str, tuple[int, ...]] | None = None
    environment: dict[str, Any]
    ended: Ended | None = None
    notes: tuple[str, ...] = ()

    def unlike(self, other: Training, *, done: bool) -> list[str]:
        """Return in words where another training has what would lead to other numbers.

        Args:
            other: The other training.
            done: Whether this one is done; if not, it may be given more time, or less, more devices or
                another one, fewer nodes to measure at a time, and another learning rate if it diverged.
        """
        free: dict[str, Any] = dict.fromkeys(SAME_RESULT, True)
        if not done:
            free |= {"max_time": True, "device": True, "devices": True, "eval_batch_size": True}
            if self.ended == "diverged":
                free["optimiser"] = set(AGAINST_DIVERGENCE)
        return differences(
            {"task": self.task, "graph": self.graph, **self.config.model_dump(exclude=free)},
            {"task": other.task, "graph": other.graph, **other.config.model_dump(exclude=free)},
        )


def read_training(folder: Path) -> Training:
    """Return the record of an unfinished training.

    Raises:
        RunError: If it cannot be read.
        ConfigError: If it holds what cannot be used.
    """
    file = folder / RECORD
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            f"cannot be read: {error}",
            where=str(file),
            fix="Start anew with --overwrite instead of --resume.",
        ) from None
    return parse(Training, content, where=str(file))


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return in words where two nested mappings differ.

    Args:
        there: What is on disk.
        here: What is asked for.

    Example:
        >>> differences({"model": {"heads": 4}, "seed": 0}, {"model": {"heads": 8}, "seed": 0})
        ['model.heads is 4 there and 8 here']
    """
    found = []
    for key in sorted(there.keys() | here.keys()):
        one, other = there.get(key), here.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += [f"{key}.{line}" for line in differences(one, other)]
        elif one != other:
            found.append(f"{key} is {_shown(one)} there and {_shown(other)} here")
    return found


def read_finished(folder: Path, asked: Training) -> Training | None:
    """Return what training a run folder came of; nothing if there is none.

    Args:
        folder: The run folder.
        asked: The training that is asked for: what it leaves open is open in the other one too.
    """
    if not (folder / MARKER).is_file():
        return None
    record, config = read_record(folder)
    return Training(
        task=record.task,
        graph=record.graph.fingerprint,
        config=_reopened(config, asked.config),
        environment=record.environment,
    )


def finished_run(folder: Path, graph: Graph, asked: Training, *, overwrite: bool) -> Run | None:
    """Return the run that a folder holds if it came of the training that is asked for.

    Args:
        folder: The run folder, which need not be there.
        graph: The graph.
        asked: The training.
        overwrite: Whether another run may be replaced.

    Raises:
        RunError: If the run there is another one and must not be replaced.
    """
    there = read_finished(folder, asked)
    if there is None:
        return None
    if not (different := there.unlike(asked, done=True)):
        return load_run(folder, graph=graph)
    if overwrite:
        return None
    raise RunError(
        f"the run there is complete, and another one: {'; '.join(different)}",
        where=str(folder),
        fix="Choose another --out, or replace it with --overwrite.",
    )


def _reopened(config: TrainConfig, asked: TrainConfig) -> TrainConfig:
    """Return the config of a run as it may have been asked for: what was chosen then is open again."""
    reopened: dict[str, Any] = {}
    if asked.batch_size is None and (asked.fanout is None or config.batch_size):
        reopened["batch_size"] = None
    # Numbers beyond the hops of the model are not used, and not kept.
    if asked.fanout is None or cut_fanout(asked.fanout, hops_of(config.fanout or ())) == (
        config.fanout or ()
    ):
        reopened["fanout"] = asked.fanout
    return config.model_copy(update=reopened)


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
