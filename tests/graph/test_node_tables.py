"""The tables of entities; those of modalities are tested with their previews."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.errors import GraphError
from mmgraph.graph import Graph, build_graph


def test_tasks_become_columns(graph: Graph, shop: Dataset):
    products = graph.nodes["product"]
    assert products["target:colour"].isna().to_numpy().nonzero()[0].tolist() == [2]
    assert products["target:colour"].iloc[0] == "red"
    assert products["target:price"].dtype == np.float64
    assert products["target:price"].iloc[:3].tolist() == [10.5, 11.5, 12.5]
    assert np.isnan(products["target:price"].iloc[3])
    assert products["split:colour"].tolist() == shop.split("random").tolist()
    assert products["title"].iloc[4] == "p4"
    assert dict(graph.tasks) == shop.spec.tasks


def test_a_number_that_is_none_is_told_of_a_regression(make_shop):
    shop = make_shop()
    path = shop.folder / "products.csv"
    path.write_text(path.read_text().replace("11.5", "cheap"))
    with pytest.raises(GraphError, match="'cheap'; wanted a number"):
        build_graph(shop, cache=False)
