"""Relation builders, one file each."""

from mmgraph.relations.custom import CustomRelation, relation
from mmgraph.relations.knn import KNN
from mmgraph.relations.shared_attribute import SharedAttribute
from mmgraph.relations.table import Table

__all__ = ["KNN", "CustomRelation", "SharedAttribute", "Table", "relation"]
