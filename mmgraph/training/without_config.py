"""What a training leaves out of the graph, on top of what its task must not see."""

from __future__ import annotations

import re
from typing import Any

from pydantic import field_validator

from mmgraph.data.task_spec import Without


class WithoutConfig(Without):
    """Modalities and relations that a model is trained without, as a control.

    Example:
        >>> WithoutConfig(relations="looks_like same_font").relations
        ('looks_like', 'same_font')
    """

    @field_validator("modalities", "relations", mode="before")
    @classmethod
    def _split(cls, names: Any) -> Any:
        """Take ``a,b`` or ``a b`` for ``[a, b]``: so it is written on the command line."""
        return re.findall(r"[^,\s]+", names) if isinstance(names, str) else names
