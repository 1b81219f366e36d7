"""What a training says about a task that asks whether two modalities belong together."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mmgraph.tasks.labels import Labels
from mmgraph.tasks.objectives import LogitScale
from mmgraph.tasks.refuse import refuse_set


@dataclass(frozen=True)
class MatchingOptions:
    """How it is learnt whether two modalities belong together.

    Args:
        num_negatives: How many wrong answers a step asks about for each right one.
        hard_share: The share of these that is to be a neighbour's.
        channels: Width of the space in which both are compared.
        context: With the whole graph in each step, the share of training entities that a step does not ask
            for, and sees as a whole.
        ridge: Whether the likeness that is learnt adds to that by ridge regression and canonical correlations
            between both modalities.
    """

    num_negatives: int = 1
    hard_share: float = 0.5
    channels: int = 128
    context: float = 0.2
    ridge: bool = True

    def refuse(self, labels: Labels) -> None:
        """Refuse whatever was set, for a task that asks nothing of pairs.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If something was set.
        """
        usual = MatchingOptions()
        settings = {f"matching.{key}": (value, getattr(usual, key)) for key, value in asdict(self).items()}
        refuse_set(labels, "does not ask whether two modalities belong together", settings)

    def make_scale(self) -> LogitScale:
        """Return what makes logits of likeness, with fresh weights; about as many are right as wrong."""
        return LogitScale(bias=0.0)
