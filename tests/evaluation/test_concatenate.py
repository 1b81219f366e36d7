"""The concatenated features of the baselines."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.errors import GraphError
from mmgraph.evaluation.concatenate import concatenated_features
from mmgraph.graph.graph import Graph


def _training(graph: Graph) -> np.ndarray:
    return np.flatnonzero(graph.nodes["mark"]["split:script"] == "train")


def test_missing_is_the_mean_and_is_marked(graph: Graph) -> None:
    matrix = concatenated_features(graph, "mark", _training(graph))
    lacking = np.arange(len(matrix)) % 5 == 0
    assert matrix.shape == (90, 6 + 1 + 4)
    np.testing.assert_array_equal(matrix[:, 6], lacking)
    np.testing.assert_array_equal(matrix[lacking][:, :6], 0)
    assert np.abs(matrix[~lacking][:, :6]).min(axis=0).max() > 0


def test_centred_and_scaled_by_training_entities_alone(graph: Graph) -> None:
    training = _training(graph)
    names = concatenated_features(graph, "mark", training)[:, 7:]
    np.testing.assert_allclose(names[training].mean(axis=0), 0, atol=1e-6)
    assert names[training].var(axis=0).mean() == pytest.approx(1, abs=1e-5)
    others = np.setdiff1d(np.arange(90), training)
    assert np.abs(names[others].mean(axis=0)).max() > 1e-3


def test_columns_keep_their_proportions(graph: Graph) -> None:
    names = concatenated_features(graph, "mark", _training(graph))[:, 7:]
    raw = graph.features["mark/name"]
    ratio = names.std(axis=0) / raw.std(axis=0)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_rows_follow_the_entity_not_the_node(graph: Graph) -> None:
    matrix = concatenated_features(graph, "mark", _training(graph))
    rows = graph.nodes["mark/picture"]["entity_index"].to_numpy()
    raw = graph.features["mark/picture"]
    order = np.argsort(raw[:, 0])
    assert (np.diff(matrix[rows[order], 0]) >= 0).all()


def test_constant_column_stays_finite(graph: Graph) -> None:
    features = {**graph.features, "mark/name": np.ones((90, 4), np.float32)}
    constant = Graph(graph.schema, graph.manifest, graph.tasks, graph.nodes, features, graph.edges)
    np.testing.assert_array_equal(concatenated_features(constant, "mark", _training(graph))[:, 7:], 0)


def test_needs_a_modality(graph: Graph) -> None:
    bare = graph.without(modalities=["picture", "name"])
    with pytest.raises(GraphError, match="has no modality"):
        concatenated_features(bare, "mark", _training(graph))
