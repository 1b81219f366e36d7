"""Training loop, the run folder."""

from mmgraph.training.config import ModelConfig, OptimiserConfig, TrainConfig
from mmgraph.training.resolve import config_names, resolve_config
from mmgraph.training.run import Run
from mmgraph.training.run_folder import load_run
from mmgraph.training.train import train

__all__ = [
    "ModelConfig",
    "OptimiserConfig",
    "Run",
    "TrainConfig",
    "config_names",
    "load_run",
    "resolve_config",
    "train",
]
