"""Multimodal representation learning on heterogeneous graphs.

The public names of the whole API stand here. Each is imported from its module when it is first used, so that
``import mmgraph`` loads neither torch nor pandas.

Example:
    >>> import mmgraph as mg
    >>> mg.KNN("glyph/sans", k=5).k
    5
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmgraph import layers as layers
    from mmgraph import models as models
    from mmgraph.config import Config as Config
    from mmgraph.data.dataset import Dataset as Dataset
    from mmgraph.data.load import load_dataset as load_dataset
    from mmgraph.data.modalities import RawModality as RawModality
    from mmgraph.data.prepare import prepare_dataset as prepare_dataset
    from mmgraph.data.spec import DatasetSpec as DatasetSpec
    from mmgraph.data.validation import validate_dataset as validate_dataset
    from mmgraph.encoders import Encoder as Encoder
    from mmgraph.encoders import Extraction as Extraction
    from mmgraph.encoders import extract as extract
    from mmgraph.encoders.custom import encoder as encoder
    from mmgraph.errors import ConfigError as ConfigError
    from mmgraph.errors import DataError as DataError
    from mmgraph.errors import GraphError as GraphError
    from mmgraph.errors import MMGraphError as MMGraphError
    from mmgraph.errors import RunError as RunError
    from mmgraph.errors import UserError as UserError
    from mmgraph.evaluation.audit.audit import audit as audit
    from mmgraph.evaluation.audit.report import AuditReport as AuditReport
    from mmgraph.evaluation.audit.report import Finding as Finding
    from mmgraph.evaluation.calibrate import calibrate as calibrate
    from mmgraph.evaluation.compare import compare as compare
    from mmgraph.evaluation.comparison import Comparison as Comparison
    from mmgraph.evaluation.explanation.explain import explain as explain
    from mmgraph.evaluation.explanation.explanation import Explanation as Explanation
    from mmgraph.evaluation.explanation.overall import OverallExplanation as OverallExplanation
    from mmgraph.evaluation.explanation.overall import explain_all as explain_all
    from mmgraph.evaluation.inspection import inspection_page as inspection_page
    from mmgraph.evaluation.report_run import report as report
    from mmgraph.evaluation.robustness.robustness import Robustness as Robustness
    from mmgraph.evaluation.robustness.robustness import robustness as robustness
    from mmgraph.graph.attach import AttachedGraph as AttachedGraph
    from mmgraph.graph.attach import attach as attach
    from mmgraph.graph.build import build_graph as build_graph
    from mmgraph.graph.exchange.from_hetero_data import from_hetero_data as from_hetero_data
    from mmgraph.graph.exchange.from_networkx import from_networkx as from_networkx
    from mmgraph.graph.exchange.from_scipy import from_scipy as from_scipy
    from mmgraph.graph.exchange.read_graphml import read_graphml as read_graphml
    from mmgraph.graph.exchange.read_tables import read_tables as read_tables
    from mmgraph.graph.exchange.write_graphml import write_graphml as write_graphml
    from mmgraph.graph.exchange.write_tables import write_tables as write_tables
    from mmgraph.graph.filters import Filters as Filters
    from mmgraph.graph.graph import Graph as Graph
    from mmgraph.graph.relation import Attached as Attached
    from mmgraph.graph.relation import Edges as Edges
    from mmgraph.graph.relation import Nodes as Nodes
    from mmgraph.graph.relation import RelationBuilder as RelationBuilder
    from mmgraph.graph.schema import EdgeType as EdgeType
    from mmgraph.graph.schema import GraphSchema as GraphSchema
    from mmgraph.graph.schema import NodeType as NodeType
    from mmgraph.graph.statistics import summarise as summarise
    from mmgraph.graph.store import load_graph as load_graph
    from mmgraph.layers.layer import Layer as Layer
    from mmgraph.models.model import MultimodalModel as MultimodalModel
    from mmgraph.plugins import load_plugin as load_plugin
    from mmgraph.progress import Progress as Progress
    from mmgraph.registry import ENCODERS as ENCODERS
    from mmgraph.registry import LAYERS as LAYERS
    from mmgraph.registry import MODELS as MODELS
    from mmgraph.registry import RELATIONS as RELATIONS
    from mmgraph.registry import TASKS as TASKS
    from mmgraph.relations.co_occurrence import CoOccurrence as CoOccurrence
    from mmgraph.relations.conversation import Conversation as Conversation
    from mmgraph.relations.cross_modal import CrossModal as CrossModal
    from mmgraph.relations.custom import relation as relation
    from mmgraph.relations.hierarchy import Hierarchy as Hierarchy
    from mmgraph.relations.knn import KNN as KNN
    from mmgraph.relations.meta_path import MetaPath as MetaPath
    from mmgraph.relations.radius import Radius as Radius
    from mmgraph.relations.random_edges import Random as Random
    from mmgraph.relations.sequence import Sequence as Sequence
    from mmgraph.relations.shared_attribute import SharedAttribute as SharedAttribute
    from mmgraph.relations.shuffled import Shuffled as Shuffled
    from mmgraph.relations.spatial_boxes import SpatialBoxes as SpatialBoxes
    from mmgraph.relations.spatial_distance import SpatialDistance as SpatialDistance
    from mmgraph.relations.spatial_grid import SpatialGrid as SpatialGrid
    from mmgraph.relations.table import Table as Table
    from mmgraph.relations.temporal import Temporal as Temporal
    from mmgraph.serving.anomalies import Anomalies as Anomalies
    from mmgraph.serving.anomalies import anomalies as anomalies
    from mmgraph.serving.clusters import Clustering as Clustering
    from mmgraph.serving.clusters import cluster as cluster
    from mmgraph.serving.predictor import Predictor as Predictor
    from mmgraph.serving.predictor import predict as predict
    from mmgraph.serving.search import VectorSearch as VectorSearch
    from mmgraph.tasks.ranking import Ranking as Ranking
    from mmgraph.tasks.ranking import rank as rank
    from mmgraph.tasks.task import Task as Task
    from mmgraph.tasks.task_data import task_data as task_data
    from mmgraph.training.config import TrainConfig as TrainConfig
    from mmgraph.training.history import Epoch as Epoch
    from mmgraph.training.run import Run as Run
    from mmgraph.training.run_folder import load_run as load_run
    from mmgraph.training.train import train as train
    from mmgraph.tuning.parameter import Parameter as Parameter
    from mmgraph.tuning.space import SearchSpace as SearchSpace
    from mmgraph.tuning.study import Study as Study
    from mmgraph.tuning.tune import tune as tune

    __version__: str

# torch asks Linux for huge pages for large tensors if this is set before its first tensor. With small pages a
# step over a large batch spends a third of its time on getting them.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# torch's threads wait for each other by counting after each operation, and unless told otherwise so long that
# a step takes many times its time where another process has a core of theirs. Read when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_MODULES = {
    "config": ("Config",),
    "data.dataset": ("Dataset",),
    "data.load": ("load_dataset",),
    "data.modalities": ("RawModality",),
    "data.prepare": ("prepare_dataset",),
    "data.spec": ("DatasetSpec",),
    "data.validation": ("validate_dataset",),
    "encoders": ("Encoder", "Extraction", "extract"),
    "encoders.custom": ("encoder",),
    "errors": ("ConfigError", "DataError", "GraphError", "MMGraphError", "RunError", "UserError"),
    "evaluation.audit.audit": ("audit",),
    "evaluation.audit.report": ("AuditReport", "Finding"),
    "evaluation.calibrate": ("calibrate",),
    "evaluation.compare": ("compare",),
    "evaluation.comparison": ("Comparison",),
    "graph.attach": ("AttachedGraph", "attach"),
    "evaluation.explanation.explain": ("explain",),
    "evaluation.explanation.explanation": ("Explanation",),
    "evaluation.explanation.overall": ("OverallExplanation", "explain_all"),
    "evaluation.inspection": ("inspection_page",),
    "evaluation.report_run": ("report",),
    "evaluation.robustness.robustness": ("Robustness", "robustness"),
    "graph.build": ("build_graph",),
    "graph.filters": ("Filters",),
    "graph.exchange.from_hetero_data": ("from_hetero_data",),
    "graph.exchange.from_networkx": ("from_networkx",),
    "graph.exchange.from_scipy": ("from_scipy",),
    "graph.exchange.read_graphml": ("read_graphml",),
    "graph.exchange.read_tables": ("read_tables",),
    "graph.exchange.write_graphml": ("write_graphml",),
    "graph.exchange.write_tables": ("write_tables",),
    "graph.graph": ("Graph",),
    "graph.relation": ("Attached", "Edges", "Nodes", "RelationBuilder"),
    "graph.schema": ("EdgeType", "GraphSchema", "NodeType"),
    "graph.statistics": ("summarise",),
    "graph.store": ("load_graph",),
    "layers.layer": ("Layer",),
    "models.model": ("MultimodalModel",),
    "plugins": ("load_plugin",),
    "progress": ("Progress",),
    "registry": ("ENCODERS", "LAYERS", "MODELS", "RELATIONS", "TASKS"),
    "relations.co_occurrence": ("CoOccurrence",),
    "relations.cross_modal": ("CrossModal",),
    "relations.custom": ("relation",),
    "relations.knn": ("KNN",),
    "relations.radius": ("Radius",),
    "relations.random_edges": ("Random",),
    "relations.shared_attribute": ("SharedAttribute",),
    "relations.shuffled": ("Shuffled",),
    "relations.conversation": ("Conversation",),
    "relations.hierarchy": ("Hierarchy",),
    "relations.meta_path": ("MetaPath",),
    "relations.sequence": ("Sequence",),
    "relations.spatial_boxes": ("SpatialBoxes",),
    "relations.spatial_distance": ("SpatialDistance",),
    "relations.spatial_grid": ("SpatialGrid",),
    "relations.temporal": ("Temporal",),
    "relations.table": ("Table",),
    "serving.anomalies": ("Anomalies", "anomalies"),
    "serving.clusters": ("Clustering", "cluster"),
    "serving.predictor": ("Predictor", "predict"),
    "serving.search": ("VectorSearch",),
    "tasks.ranking": ("Ranking", "rank"),
    "tasks.task": ("Task",),
    "tasks.task_data": ("task_data",),
    "training.config": ("TrainConfig",),
    "training.history": ("Epoch",),
    "training.run": ("Run",),
    "training.run_folder": ("load_run",),
    "training.train": ("train",),
    "tuning.parameter": ("Parameter",),
    "tuning.space": ("SearchSpace",),
    "tuning.study": ("Study",),
    "tuning.tune": ("tune",),
}
_MODULE_OF = {name: f"mmgraph.{module}" for module, names in _MODULES.items() for name in names}
_SUBPACKAGES = ("layers", "models")

__all__ = [*_MODULE_OF, *_SUBPACKAGES, "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    value: Any
    if name == "__version__":
        from importlib.metadata import version

        value = version("mmgraph")
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    elif name in _SUBPACKAGES:
        value = importlib.import_module(f"mmgraph.{name}")
    else:
        raise AttributeError(f"module 'mmgraph' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
