"""What a model can be asked for before its task: the objectives of pre-training, by name."""

from mmgraph.tasks.pretext.alignment import Alignment
from mmgraph.tasks.pretext.graph_infomax import GraphInfomax
from mmgraph.tasks.pretext.link_reconstruction import LinkReconstruction
from mmgraph.tasks.pretext.masked_features import MaskedFeatures
from mmgraph.tasks.pretext.masked_modality import MaskedModality
from mmgraph.tasks.pretext.pretext import Pretext, Subject
from mmgraph.tasks.pretext.relation_contrast import RelationContrast
from mmgraph.tasks.pretext.supervised_contrast import SupervisedContrast

PRETEXTS: dict[str, type[Pretext]] = {
    "contrastive": Alignment,
    "masked_modality": MaskedModality,
    "masked_features": MaskedFeatures,
    "infomax": GraphInfomax,
    "link_reconstruction": LinkReconstruction,
    "relation_contrast": RelationContrast,
    "supervised_contrastive": SupervisedContrast,
}

__all__ = [
    "PRETEXTS",
    "Alignment",
    "GraphInfomax",
    "LinkReconstruction",
    "MaskedFeatures",
    "MaskedModality",
    "Pretext",
    "RelationContrast",
    "Subject",
    "SupervisedContrast",
]
