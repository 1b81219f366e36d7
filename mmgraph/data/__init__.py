"""The dataset: schema, tables, arrays, splits, validation."""

from mmgraph.data.dataset import Dataset
from mmgraph.data.json_schema import json_schema
from mmgraph.data.load import load_dataset
from mmgraph.data.modalities import RawModality
from mmgraph.data.prepare import prepare_dataset
from mmgraph.data.spec import DatasetSpec
from mmgraph.data.validation import validate_dataset

__all__ = [
    "Dataset",
    "DatasetSpec",
    "RawModality",
    "json_schema",
    "load_dataset",
    "prepare_dataset",
    "validate_dataset",
]
