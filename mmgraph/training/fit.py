"""One training with Lightning: early stopping, the best weights at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from lightning.pytorch import Trainer

from mmgraph.progress import Progress
from mmgraph.training.config import TrainConfig
from mmgraph.training.data import FullBatch, SampledBatches
from mmgraph.training.early_stopping import EarlyStopping
from mmgraph.training.history import Epoch, Recorder
from mmgraph.training.inference import Inference
from mmgraph.training.lightning_quiet import quiet_lightning
from mmgraph.training.module import TaskModule


def fit(
    module: TaskModule,
    data: FullBatch | SampledBatches,
    inference: Inference,
    config: TrainConfig,
    device: torch.device,
    progress: Progress,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[Sequence[Epoch], Epoch]:
    """Train a module, which then has the weights of its best epoch and is back on the CPU.

    Args:
        module: What to train.
        data: The batches of an epoch.
        inference: Tells what the model makes of the validation entities.
        config: How to train.
        device: Where to train.
        progress: Told of every step.
        on_epoch: Called after every epoch; what it raises ends the training.

    Returns:
        All epochs, and the best one.

    Raises:
        RunError: If the loss is not finite.
    """
    monitor = module.task.monitor
    title = f"train {config.model.name} on {module.task.labels.task}, seed {config.seed}"
    with progress.job(title, total=config.max_epochs * data.num_steps) as advance, quiet_lightning():
        recorder = Recorder(lambda: module.validate(inference), monitor[0], advance, on_epoch)
        stopping = EarlyStopping(recorder.history, monitor, config.patience)
        trainer = Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            max_epochs=config.max_epochs,
            gradient_clip_val=config.optimiser.clip_norm,
            callbacks=[recorder, stopping],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, datamodule=data)
    module.to("cpu")
    assert stopping.best is not None
    return recorder.history, stopping.best
