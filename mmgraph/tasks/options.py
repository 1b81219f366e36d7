"""What a training says about its task."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.link_options import LinkOptions
from mmgraph.tasks.objectives import Contrast


@dataclass(frozen=True)
class TaskOptions:
    """What a training says about its task; each kind of task reads what is its own.

    Args:
        class_loss: The loss of a task with classes.
        links: How a task that asks for links scores and learns them.
        contrast: The loss of a task that brings two kinds of states together.
    """

    class_loss: ClassLoss = field(default_factory=ClassLoss)
    links: LinkOptions = field(default_factory=LinkOptions)
    contrast: Contrast = field(default_factory=Contrast)
