"""A run in use: predictions for entities that the graph does not know, and search among those it does."""

from mmgraph.serving.predictor import Predictor, predict

__all__ = ["Predictor", "predict"]
