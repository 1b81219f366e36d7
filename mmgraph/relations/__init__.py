"""Relation builders, one file each."""

from mmgraph.relations.co_occurrence import CoOccurrence
from mmgraph.relations.cross_modal import CrossModal
from mmgraph.relations.custom import CustomRelation, relation
from mmgraph.relations.knn import KNN
from mmgraph.relations.radius import Radius
from mmgraph.relations.random_edges import Random
from mmgraph.relations.shared_attribute import SharedAttribute
from mmgraph.relations.shuffled import Shuffled
from mmgraph.relations.table import Table

__all__ = ["KNN", "CoOccurrence", "CrossModal", "CustomRelation", "Radius", "Random", "SharedAttribute", "Shuffled", "Table", "relation",]
