"""What to learn: targets, losses, metrics."""

from mmgraph.tasks.classification import Classification
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.task import Task

__all__ = ["SPLITS", "Classification", "Labels", "Regression", "Task"]
