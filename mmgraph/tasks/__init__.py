"""What to learn: targets, losses, metrics."""

from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.task import Task

__all__ = ["SPLITS", "ClassLoss", "Classification", "Labels", "Regression", "Task"]
