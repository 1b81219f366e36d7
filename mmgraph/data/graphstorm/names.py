"""Names as ``dataset.yaml`` takes them."""

from __future__ import annotations

import re


def plain_name(text: str) -> str:
    """Return a name of letters, digits and ``_`` that begins with a letter.

    Example:
        >>> plain_name("co-author"), plain_name("2-hop")
        ('co_author', 'n_2_hop')
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return name if re.match("[A-Za-z]", name) else f"n_{name.lstrip('_')}"
