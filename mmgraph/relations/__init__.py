"""Relation builders, one file each."""

from mmgraph.relations.co_occurrence import CoOccurrence
from mmgraph.relations.conversation import Conversation
from mmgraph.relations.cross_modal import CrossModal
from mmgraph.relations.custom import CustomRelation, relation
from mmgraph.relations.hierarchy import Hierarchy
from mmgraph.relations.knn import KNN
from mmgraph.relations.meta_path import MetaPath
from mmgraph.relations.radius import Radius
from mmgraph.relations.random_edges import Random
from mmgraph.relations.sequence import Sequence
from mmgraph.relations.shared_attribute import SharedAttribute
from mmgraph.relations.shuffled import Shuffled
from mmgraph.relations.spatial_boxes import SpatialBoxes
from mmgraph.relations.spatial_distance import SpatialDistance
from mmgraph.relations.spatial_grid import SpatialGrid
from mmgraph.relations.table import Table
from mmgraph.relations.temporal import Temporal

__all__ = [
    "KNN",
    "CoOccurrence",
    "Conversation",
    "CrossModal",
    "CustomRelation",
    "Hierarchy",
    "MetaPath",
    "Radius",
    "Random",
    "Sequence",
    "SharedAttribute",
    "Shuffled",
    "SpatialBoxes",
    "SpatialDistance",
    "SpatialGrid",
    "Table",
    "Temporal",
    "relation",
]
