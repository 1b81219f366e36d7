"""Relation builders, one file each."""

from mmgraph.relations.conversation import Conversation
from mmgraph.relations.custom import CustomRelation, relation
from mmgraph.relations.knn import KNN
from mmgraph.relations.shared_attribute import SharedAttribute
from mmgraph.relations.table import Table
from mmgraph.relations.temporal import Temporal

__all__ = ["KNN", "Conversation", "CustomRelation", "SharedAttribute", "Table", "Temporal", "relation"]
