"""The JSON Schema of ``dataset.yaml``, for the docs and for editors that check YAML while it is written."""

from __future__ import annotations

from typing import Any

from mmgraph.data.spec import DatasetSpec


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``dataset.yaml``.

    Example:
        >>> json_schema()["required"]
        ['name', 'entities']
    """
    schema = DatasetSpec.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "dataset.yaml of mmgraph",
    }
