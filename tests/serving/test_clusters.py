"""Clusters that were planted are found, and compared with what is known of entities."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mmgraph.errors import ConfigError
from mmgraph.serving import clusters as clusters_module
from mmgraph.serving.clusters import OUTLIER, cluster

CENTRES = np.random.default_rng(5).normal(size=(3, 8))


@pytest.fixture
def colours(shop_graph):
    return shop_graph.nodes["product"]["target:colour"].to_numpy(dtype=str)


@pytest.fixture
def vectors(colours):
    """Return vectors of any length that lie near one of three directions, which the colour says."""
    rng = np.random.default_rng(0)
    place = np.unique(colours, return_inverse=True)[1]
    return (CENTRES[place] + 0.2 * rng.normal(size=(len(place), 8))) * rng.uniform(1, 50, (len(place), 1))


@pytest.mark.parametrize("options", [{}, {"clusters": 3}, {"method": "hdbscan"}])
def test_planted_clusters_are_found(planted, vectors, colours, options):
    found = cluster(planted(vectors), against="colour", **options)
    assert found.against == {
        "column": "colour",
        "entities": 60,
        "normalized_mutual_information": pytest.approx(1),
        "adjusted_rand_index": pytest.approx(1),
    }
    assert found.clusters["size"].tolist() == [20, 20, 20]
    assert found.silhouette > 0.7
    assert pd.Series(colours).groupby(found.table["cluster"].to_numpy()).nunique().tolist() == [1, 1, 1]
    json.dumps(found.to_json())


def test_the_number_is_the_one_with_the_highest_silhouette(planted, vectors):
    found = cluster(planted(vectors))
    assert max(found.tried, key=found.tried.get) == 3
    assert found.tried[3] == found.silhouette
    assert cluster(planted(vectors), clusters=2).tried == {}


def test_clusters_of_noise_agree_with_nothing(planted):
    found = cluster(planted(np.random.default_rng(1).normal(size=(60, 8))), clusters=3, against="colour")
    assert abs(found.against["adjusted_rand_index"]) < 0.15
    assert found.silhouette < 0.3
    sizes = found.table["cluster"].value_counts()
    assert found.clusters["size"].tolist() == sizes.sort_index().tolist()
    assert len(set(sizes)) > 1
    assert sizes.sort_index().is_monotonic_decreasing


def test_hdbscan_leaves_out_what_lies_in_no_dense_region(planted, vectors):
    vectors[7] = np.linalg.svd(CENTRES)[2][-1]
    found = cluster(planted(vectors), method="hdbscan", min_size=8)
    assert found.table["cluster"][7] == OUTLIER
    assert np.isnan(found.table["similarity"][7])
    assert found.to_json()["outliers"] == 1
    assert found.clusters["size"].sum() == 59


def test_the_nearest_to_the_centre_stand_first(planted, vectors, shop_graph):
    found = cluster(planted(vectors), clusters=3, shown=4)
    own = found.table[found.table["cluster"] == 1].sort_values("similarity", ascending=False)
    assert found.clusters["nearest"][1] == own["title"].head(4).tolist()
    assert found.clusters["similarity"][1] == pytest.approx(own["similarity"].mean())
    assert found.table["id"].tolist() == shop_graph.nodes["product"]["id"].tolist()


def test_a_column_of_another_table(planted, vectors, colours, shop_graph):
    ids = shop_graph.nodes["product"]["id"]
    table = pd.DataFrame({"sku": ids, "hue": np.where(np.arange(60) < 40, colours, None)})
    found = cluster(planted(vectors), clusters=3, against="hue", table=table)
    assert (found.against["entities"], found.against["adjusted_rand_index"]) == (40, pytest.approx(1))


def test_the_same_seed_gives_the_same_clusters(planted, vectors):
    first, second = (cluster(planted(vectors), clusters=5, seed=3).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"clusters": 61}, "--clusters: got 61; wanted auto, or from 2 to as many as there are entities, 60"),
        ({"clusters": 1}, "--clusters: got 1"),
        ({"clusters": 3, "method": "hdbscan"}, "--clusters: got 3, but hdbscan finds out"),
        ({"min_size": 3}, "--min-size: got 3, but k-means knows no least size"),
        ({"min_size": 1, "method": "hdbscan"}, "--min-size: got 1"),
        ({"method": "kmean"}, "there is no method 'kmean'. Did you mean 'kmeans'"),
        ({"against": "color"}, "there is no column 'color'. Did you mean 'colour'"),
    ],
)
def test_what_cannot_be_is_refused(planted, vectors, options, said):
    with pytest.raises(ConfigError) as caught:
        cluster(planted(vectors), **options)
    assert said in str(caught.value)


def test_of_few_entities_hdbscan_asks_for_smaller_clusters():
    with pytest.raises(ConfigError, match=r"got 4 entities; wanted 5 or more to cluster.*smaller --min-size"):
        clusters_module._check("auto", "hdbscan", None, 4)
    clusters_module._check("auto", "hdbscan", 3, 4)
    with pytest.raises(ConfigError, match=r"wanted 3 or more to cluster.*more entities\.$"):
        clusters_module._check("auto", "kmeans", None, 2)


def test_of_many_entities_a_sample_says_how_many_clusters(planted, vectors, monkeypatch):
    sizes, fit = [], clusters_module._kmeans

    def kmeans(units, *rest):
        sizes.append(len(units))
        return fit(units, *rest)

    monkeypatch.setattr(clusters_module, "_SAMPLE", 30)
    monkeypatch.setattr(clusters_module, "_kmeans", kmeans)
    found = cluster(planted(vectors), against="colour")
    assert sizes == [30] * len(found.tried) + [60]
    assert found.against["adjusted_rand_index"] == pytest.approx(1)


def test_of_very_many_entities_mini_batches_find_the_clusters(planted, vectors, monkeypatch):
    monkeypatch.setattr(clusters_module, "_MOST_WHOLE", 59)
    monkeypatch.setattr(clusters_module, "KMeans", None)
    first, second = (cluster(planted(vectors), clusters=3, against="colour") for _ in range(2))
    assert first.against["adjusted_rand_index"] == pytest.approx(1)
    pd.testing.assert_frame_equal(first.table, second.table)
