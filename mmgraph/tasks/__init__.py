"""What to learn: targets, losses, metrics."""

from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.link_options import LinkOptions
from mmgraph.tasks.link_prediction import LinkPrediction
from mmgraph.tasks.matching import Matching
from mmgraph.tasks.multi_label import MultiLabel
from mmgraph.tasks.multi_task import MultiTask
from mmgraph.tasks.options import Objectives, TaskOptions
from mmgraph.tasks.pretraining import Pretraining
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.retrieval import Retrieval
from mmgraph.tasks.task import Task
from mmgraph.tasks.task_weights import TaskWeights

__all__ = [
    "SPLITS",
    "ClassLoss",
    "Classification",
    "EntityTask",
    "Labels",
    "LinkOptions",
    "LinkPrediction",
    "Matching",
    "MultiLabel",
    "MultiTask",
    "Objectives",
    "Pretraining",
    "Regression",
    "Retrieval",
    "Task",
    "TaskOptions",
    "TaskWeights",
]
