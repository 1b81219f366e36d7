"""What a model can be asked for without labels: the objectives of pre-training, by name."""

from mmgraph.tasks.pretext.alignment import Alignment
from mmgraph.tasks.pretext.graph_infomax import GraphInfomax
from mmgraph.tasks.pretext.masked_features import MaskedFeatures
from mmgraph.tasks.pretext.masked_modality import MaskedModality
from mmgraph.tasks.pretext.pretext import Pretext, Subject

PRETEXTS: dict[str, type[Pretext]] = {
    "contrastive": Alignment,
    "masked_modality": MaskedModality,
    "masked_features": MaskedFeatures,
    "infomax": GraphInfomax,
}

__all__ = [
    "PRETEXTS",
    "Alignment",
    "GraphInfomax",
    "MaskedFeatures",
    "MaskedModality",
    "Pretext",
    "Subject",
]
