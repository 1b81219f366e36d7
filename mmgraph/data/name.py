"""Names in ``dataset.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from mmgraph.config_faults import NAME_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name of an entity type, modality, relation, split or task: letters, digits and ``_``."""
