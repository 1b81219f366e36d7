"""Relation builders, one file each."""

from mmgraph.relations.co_occurrence import CoOccurrence
from mmgraph.relations.custom import CustomRelation, relation
from mmgraph.relations.knn import KNN
from mmgraph.relations.radius import Radius
from mmgraph.relations.shared_attribute import SharedAttribute
from mmgraph.relations.table import Table

__all__ = ["KNN", "CoOccurrence", "CustomRelation", "Radius", "SharedAttribute", "Table", "relation"]
