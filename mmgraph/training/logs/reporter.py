"""Reports a training while it goes on, to every place that the config names."""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mmgraph.errors import ConfigError, MissingDependencyError
from mmgraph.training.config import ReportTo, TrainConfig
from mmgraph.training.history import Epoch
from mmgraph.training.logs.csv_log import CSVLog
from mmgraph.training.logs.log import Beginning, Log
from mmgraph.training.logs.mlflow_log import MLflowLog
from mmgraph.training.logs.tensorboard_log import TensorBoardLog
from mmgraph.training.logs.wandb_log import WandbLog

LOGS: dict[ReportTo, Callable[[Beginning], Log]] = {
    "tensorboard": TensorBoardLog,
    "csv": CSVLog,
    "wandb": WandbLog,
    "mlflow": MLflowLog,
}
IN_THE_RUN_FOLDER = ("tensorboard", "csv")
"""The logs that are folders of this name in a run folder, and before that where it is being made."""


class Reporter:
    """Reports every step and every epoch to some logs.

    Args:
        logs: The logs.
    """

    def __init__(self, logs: Sequence[Log]) -> None:
        self._logs = logs
        self._step = 0

    def step(self, step: int, loss: float, lr: float) -> None:
        """Report a step."""
        self._step = step
        for log in self._logs:
            log.step(step, loss, lr)

    def epoch(self, epoch: Epoch) -> None:
        """Report an epoch, whose last step was just reported."""
        for log in self._logs:
            log.epoch(epoch, self._step)


def check_logs(config: TrainConfig, *, in_folder: bool) -> tuple[ReportTo, ...]:
    """Return what a training reports to, once all of it is known to be there.

    Args:
        config: The config.
        in_folder: Whether the training writes a run folder.

    Raises:
        ConfigError: If a log belongs into a run folder and there is none.
        MissingDependencyError: If a library is not installed.
    """
    if config.report_to is None:
        return ("tensorboard",) if in_folder else ()
    for name in config.report_to:
        if name in IN_THE_RUN_FOLDER and not in_folder:
            raise ConfigError(
                f"{name} writes to the run folder, and this training has none",
                where="report_to",
                fix=f"Give the training a folder (out), or leave {name} out.",
            )
        if name not in IN_THE_RUN_FOLDER:
            _require(name)
    return config.report_to


@contextlib.contextmanager
def report(config: TrainConfig, *, task: str, metric: str, folder: Path | None) -> Iterator[Reporter]:
    """Yield what reports a training to every log of its config; close them at its end.

    Args:
        config: The config, in which nothing is left open.
        task: The name of the task.
        metric: The metric that chooses the best epoch.
        folder: Where the logs of the run folder go.

    Raises:
        ConfigError: If a log belongs into a run folder and there is none.
        MissingDependencyError: If a library is not installed.
    """
    beginning = Beginning(
        name=f"{task}-{config.model.name}-{config.seed}",
        config=config.model_dump(mode="json"),
        monitor=f"validation_{metric}",
        folder=folder,
    )
    logs: list[Log] = []
    failed = True
    try:
        for name in check_logs(config, in_folder=folder is not None):
            logs.append(LOGS[name](beginning))
        yield Reporter(logs)
        failed = False
    finally:
        for log in logs:
            log.close(failed=failed)


def copy_logs(source: Path, target: Path) -> None:
    """Copy the logs of a training from where they were written to its run folder."""
    for name in IN_THE_RUN_FOLDER:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)


def _require(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} cannot be loaded: {error}",
            where="report_to",
            fix=f"Install it with `pip install {name}`, or leave it out.",
        ) from None
