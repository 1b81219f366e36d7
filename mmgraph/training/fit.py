"""One training with Lightning: early stopping, checkpoints, the best weights at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from mmgraph.progress import Progress
from mmgraph.training.checkpoint_file import CheckpointFile
from mmgraph.training.checkpointer import Checkpointer
from mmgraph.training.compiled import CompiledForward
from mmgraph.training.config import TrainConfig
from mmgraph.training.data import FullBatch, SampledBatches
from mmgraph.training.early_stopping import EarlyStopping
from mmgraph.training.history import Epoch, Listener, Recorder
from mmgraph.training.inference import Inference
from mmgraph.training.lightning_quiet import quiet_lightning
from mmgraph.training.module import TaskModule
from mmgraph.training.optimisation import Plateau
from mmgraph.training.processes import ALONE, Processes
from mmgraph.training.shared_step import SharedStep
from mmgraph.training.time_limit import TimeLimit
from mmgraph.training.unfinished import UnfinishedRun
from mmgraph.training.weight_average import WeightAverage


def fit(
    module: TaskModule,
    data: FullBatch | SampledBatches,
    inference: Inference,
    config: TrainConfig,
    device: torch.device,
    progress: Progress,
    unfinished: UnfinishedRun | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    reporter: Listener | None = None,
    processes: Processes = ALONE,
) -> tuple[Sequence[Epoch], Epoch, dict[str, Tensor]]:
    """Train a module, which then has the weights of its best epoch and is back on the CPU.

    Args:
        module: What to train.
        data: The batches of an epoch.
        inference: Tells what the model makes of the validation entities.
        config: How to train.
        device: Where to train.
        progress: Told of every step.
        unfinished: Where checkpoints go, and where to go on; by default none are written.
        on_epoch: Called after every epoch; what it raises ends the training.
        reporter: Told of every step and every epoch.
        processes: Those that train copies of the module together, which are connected.

    Returns:
        All epochs, the best one, and the weights after the last step.

    Raises:
        ConfigError: If the learning rate would rise until the end.
        DivergedError: If a loss or a gradient is not finite.
    """
    monitor = module.task.monitor
    title = f"train {config.model.name} on {module.task.labels.task}, seed {config.seed}"
    with progress.job(title, total=config.max_epochs * data.num_steps) as advance, quiet_lightning():
        recorder = Recorder(lambda: module.validate(inference), monitor[0], advance, on_epoch, reporter)
        stopping = EarlyStopping(recorder.history, monitor, config.patience)
        callbacks: list[Callback] = [recorder, stopping]
        if config.optimiser.schedule == "plateau":
            callbacks.append(Plateau(stopping, config.optimiser))
        if config.ema:
            callbacks.insert(0, WeightAverage(config.ema))
        limit = TimeLimit(config.max_time or math.inf, processes=processes)
        if unfinished:
            every = config.checkpoint_seconds
            callbacks.append(Checkpointer(unfinished.checkpoint, every, stopping, limit, processes))
        trainer = Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            **_placement(device, processes),
            precision=config.precision,
            max_epochs=config.max_epochs,
            accumulate_grad_batches=config.accumulate,
            callbacks=[*callbacks, limit],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module.processes = processes
        module.compiled = CompiledForward(module.model) if config.compile else None
        trainer.fit(module, datamodule=data, ckpt_path=unfinished.resume_from if unfinished else None)
        module.compiled, module.processes = None, ALONE
    module.to("cpu")
    if limit.note:
        module.notes.append(limit.note)
        progress.say(f"note: {limit.note}")
        if unfinished:
            processes.from_first(lambda: unfinished.end("max_time"))
            progress.say(
                f"the state is in {unfinished.folder}: --resume with more --max-time goes on from it"
            )
    assert stopping.best is not None
    return recorder.history, stopping.best, stopping.last


def _placement(device: torch.device, processes: Processes) -> dict[str, Any]:
    """Return what Lightning must know of the devices."""
    if processes.size == 1:
        return {
            "devices": 1 if device.type == "cpu" else [device.index or 0],
            # In a job of Slurm's it would take SIGUSR1 for itself, and write its own checkpoint and requeue.
            "plugins": [CheckpointFile(), LightningEnvironment()],
        }
    return {
        "devices": processes.local_size,
        "plugins": [CheckpointFile()],
        "num_nodes": processes.size // processes.local_size,
        "strategy": SharedStep(cluster_environment=TorchElasticEnvironment()),
    }
