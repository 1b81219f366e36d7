"""Noise in the place of features: the same shapes, and the same again with the same seed."""

from __future__ import annotations

import numpy as np

from mmgraph.graph.noise import noise_features
from mmgraph.graph.schema import GraphSchema, NodeType

PICTURE = NodeType("mark/picture", 400, 6, "mark", "picture", "image")
NAME = NodeType("mark/name", 400, 6, "mark", "name", "text")
SCHEMA = GraphSchema((NodeType("mark", 500, 0, "mark"), PICTURE, NAME), ())


def test_noise_is_standard_normal_and_of_modalities_alone() -> None:
    found = noise_features(SCHEMA, seed=0)
    assert list(found) == ["mark/picture", "mark/name"]
    picture = found["mark/picture"]
    assert (picture.shape, picture.dtype) == ((400, 6), np.float32)
    assert abs(picture.mean()) < 0.1
    assert abs(picture.std() - 1) < 0.1


def test_noise_depends_on_name_and_seed_alone() -> None:
    first = noise_features(SCHEMA, seed=0)
    alone = noise_features(GraphSchema((PICTURE,), ()), seed=0)
    assert (first["mark/picture"] == alone["mark/picture"]).all()
    assert abs(np.corrcoef(first["mark/picture"].ravel(), first["mark/name"].ravel())[0, 1]) < 0.1
    other = noise_features(SCHEMA, seed=1)["mark/picture"]
    assert (first["mark/picture"] != other).any()
