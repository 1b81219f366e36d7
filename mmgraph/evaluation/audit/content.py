"""What the nodes of a modality hold, numbered so that equal content has an equal number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mmgraph.evaluation.audit.subject import Subject
from mmgraph.graph.preview import EXCERPT
from mmgraph.graph.schema import NodeType
from mmgraph.tasks.content import Content

MEDIA = ("text", "image", "regions", "audio", "video", "features")
"""The kinds of modality that hold works, which are copied; columns hold properties, which are shared."""

FEWEST_WORDS = 4
"""A text of fewer words (``red``, ``size 40``) is a property that many may share, and no copy."""

_DECIMALS = 3


def content_codes(subject: Subject, node_type: NodeType) -> NDArray[np.int64]:
    """Return the number of each node's content, int64 [M].

    Texts are the same if their words are, pictures if their thumbnails and features are; of everything else
    the features count. Of a text that is longer than its preview, the features count as well, unless the
    dataset is there to read it.

    Args:
        subject: The graph under audit.
        node_type: A modality's node type.
    """
    vectors = _rounded(subject, node_type)
    if node_type.kind == "text":
        texts, whole = _texts(subject, node_type)
        keys = [
            ("" if text is None else " ".join(text.lower().split()))
            + ("" if whole or (text is not None and len(text) < EXCERPT) else f" {vector!r}")
            for text, vector in zip(texts, vectors, strict=True)
        ]
        return _numbered(keys)
    previews = subject.graph.nodes[node_type.name]["preview"]
    shown = [preview if isinstance(preview, bytes) else b"" for preview in previews]
    return _numbered([one + b"\0" + other for one, other in zip(shown, vectors, strict=True)])


def are_works(subject: Subject, node_type: NodeType) -> NDArray[np.bool_]:
    """Return which nodes hold a work, such as a picture or a sentence, and not a property, bool [M].

    What a retrieval asks for is one whatever it is.
    """
    if node_type.name in subject.answers:
        return np.ones(node_type.num_nodes, dtype=bool)
    if node_type.kind != "text":
        return np.full(node_type.num_nodes, node_type.kind in MEDIA)
    return np.array([len(text.split()) >= FEWEST_WORDS for text in texts_of(subject, node_type)], dtype=bool)


def texts_of(subject: Subject, node_type: NodeType) -> list[str]:
    """Return the texts of a modality's nodes, or what the graph kept of them; empty where it kept none."""
    return [text or "" for text in _texts(subject, node_type)[0]]


def texts_by_entity(subject: Subject, node_type: NodeType) -> dict[int, str]:
    """Return the text of each entity that has a modality, by its row; several of one are joined."""
    found: dict[int, list[str]] = {}
    for row, text in zip(subject.rows(node_type.name).tolist(), texts_of(subject, node_type), strict=True):
        found.setdefault(row, []).append(text)
    # All tokens of a text have the whole of it.
    return {row: "\n".join(dict.fromkeys(texts)) for row, texts in found.items()}


def features_of(subject: Subject, node_type: NodeType, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the features of entities that have a modality, the mean of several nodes of one, [R, D].

    Args:
        subject: The graph under audit.
        node_type: A modality's node type.
        rows: Which entities, int64 [R].
    """
    content = Content(
        subject.graph.features[node_type.name],
        subject.rows(node_type.name),
        subject.graph.schema.node_type(node_type.entity).num_nodes,
    )
    return np.asarray(content.of(torch.from_numpy(rows)).numpy(), dtype=np.float64)


def _texts(subject: Subject, node_type: NodeType) -> tuple[list[str | None], bool]:
    """Return the text of each node, of a token that of its item, and whether it is there to its end."""
    if subject.dataset is not None:
        raw = subject.dataset.modality(node_type.entity, str(node_type.modality))
        texts = dict(zip(raw.index.tolist(), map(str, raw.values), strict=True))
        return [texts[row] for row in subject.rows(node_type.name).tolist()], True
    previews = subject.graph.nodes[node_type.name]["preview"]
    return [preview if isinstance(preview, str) else None for preview in previews], False


def _rounded(subject: Subject, node_type: NodeType) -> list[bytes]:
    """Return the features of each node, so far rounded that the last digits of a product do not count."""
    features = np.asarray(subject.graph.features[node_type.name], dtype=np.float64)
    spread = float(features.std()) or 1.0
    # Zero has two signs.
    rounded = np.round(features / spread, _DECIMALS) + 0.0
    return [row.tobytes() for row in rounded]


def _numbered(keys: Sequence[str] | Sequence[bytes]) -> NDArray[np.int64]:
    return pd.factorize(pd.Series(keys, dtype=object))[0].astype(np.int64)
