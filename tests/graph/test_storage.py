"""Features that are kept in half precision: half the bytes on disk, and the same features everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

import mmgraph as mg
from mmgraph.data.dataset import Dataset
from mmgraph.encoders import FeatureCache, encode_modality
from mmgraph.encoders.storage import as_kept
from mmgraph.errors import ConfigError, DataError, MMGraphError
from mmgraph.graph import Graph, build_graph, load_graph
from mmgraph.sampling import BatchLoader, NeighbourSampler, features
from mmgraph.sampling.features import Features
from mmgraph.training import train

VECTOR, NAME = "product/vector", "product/name"


@pytest.fixture(scope="module")
def half_shop(shop_folder: Path) -> Dataset:
    """The shop, whose features are kept in half precision but for its pictures'."""
    return mg.load_dataset(
        shop_folder, overrides=["storage=float16", "entities.product.modalities.picture.storage=float32"]
    )


@pytest.fixture(scope="module")
def half(half_shop: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """Its graph, as its folder opens."""
    return build_graph(half_shop, cache=False, out=tmp_path_factory.mktemp("half") / "graph")


def test_half_the_bytes_lie_on_disk(half, graph, tmp_path):
    graph.save(tmp_path / "graph")
    for name, part in ((VECTOR, 2), (NAME, 2), ("product/picture", 1)):
        kept, whole = (np.load(g / f"features/{name}.npy") for g in (half.folder, tmp_path / "graph"))
        assert whole.nbytes == part * kept.nbytes
        assert kept.dtype == (np.float16 if part == 2 else np.float32)


def test_features_are_those_of_float32_to_three_digits(half, graph):
    for name, whole in graph.features.items():
        assert half.features[name].dtype == np.float32
        np.testing.assert_allclose(half.features[name], whole, rtol=2**-11, atol=1e-4)
    assert np.array_equal(half.features["product/picture"], graph.features["product/picture"])
    assert not np.array_equal(half.features[VECTOR], graph.features[VECTOR])


def test_in_memory_on_disk_and_saved_again_it_is_the_same_graph(half, half_shop, tmp_path):
    again = build_graph(half_shop, cache=False)
    assert again.fingerprint() == half.fingerprint() == half._computed_fingerprint
    again.save(tmp_path / "again")
    for file in half.folder.rglob("*.npy"):
        assert (tmp_path / "again" / file.relative_to(half.folder)).read_bytes() == file.read_bytes()
    noisy = half.with_noise(3)
    noisy.save(tmp_path / "noisy")
    assert np.array_equal(load_graph(tmp_path / "noisy").features[VECTOR], noisy.features[VECTOR])


def test_the_cache_keeps_half_and_changes_nothing(shop_folder, tmp_path):
    half = mg.load_dataset(shop_folder, overrides=["storage=float16"])
    caches = [FeatureCache(tmp_path / name) for name in ("half", "whole")]
    for cache, shop in zip(caches, (half, mg.load_dataset(shop_folder)), strict=True):
        assert mg.extract(shop, ["product/picture"], cache=cache)[0].encoded == 16
    kept, whole = (load_file(next(cache.folder.glob("??/**/*.safetensors")))["rows"] for cache in caches)
    assert (kept.dtype, whole.dtype) == (np.float16, np.float32)
    found, without = (
        encode_modality(half, "product", "picture", cache=cache).features for cache in (caches[0], None)
    )
    assert np.array_equal(found, without)


def test_batches_read_half_and_hold_float32(half, monkeypatch):
    sampler = NeighbourSampler(half, [3, 3], seed=0)
    loader = BatchLoader(half, sampler, input_nodes="product", batch_size=8)
    assert half.stored_features[VECTOR].dtype == np.float16
    for mapped in (features._MAPPED, 0):
        monkeypatch.setattr(features, "_MAPPED", mapped)
        for batch in loader:
            x = batch[VECTOR].x
            assert x.dtype == torch.float32
            assert np.array_equal(x.numpy(), half.features[VECTOR][batch[VECTOR].n_id.numpy()])
    read = Features(half, sampler.adjacency)
    assert read.take(read.nodes["x"][VECTOR], torch.tensor([3])).dtype == torch.float32


def test_a_new_entity_has_the_features_of_a_known_one_like_it(half, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "products.csv").write_text("sku,title,picture,shelf\np101,,,s1\n")
    shop = load_graph(half.folder)
    rows = np.load(half.folder / "features/product/vector.npy")
    shift, factor = (half.encoders[VECTOR].fitted_state()[1][key] for key in ("shift", "factor"))
    np.save(folder / "vectors.npy", (rows[:1] / factor + shift).astype(np.float32))
    graph = mg.attach(shop, folder, skip=["looks_like", "same_shelf"]).graph
    new = graph.features[VECTOR][-1]
    assert np.array_equal(new, new.astype(np.float16))
    np.testing.assert_allclose(new, graph.features[VECTOR][0], rtol=2**-9)


def test_some_rows_are_read_as_float32(half):
    opened = load_graph(half.folder)
    rows = np.array([5, 2, 2])
    found = opened.features_of(VECTOR, rows)
    assert found.dtype == np.float32
    assert np.array_equal(found, half.features[VECTOR][rows])


def test_a_graph_that_was_elsewhere_keeps_half_where_that_holds_it(half, tmp_path):
    mg.write_tables(half, tmp_path / "tables")
    back = mg.read_tables(tmp_path / "tables")
    assert back.fingerprint() == half.fingerprint()
    file = tmp_path / "tables/nodes/product.vector.parquet"
    table = pd.read_parquet(file)
    table["features"] = [row + np.float32(1e-4) for row in table["features"]]
    table.to_parquet(file)
    changed = mg.read_tables(tmp_path / "tables").schema
    assert changed.node_type(VECTOR).storage == "float32"
    assert changed.node_type(NAME).storage == "float16"


@pytest.mark.parametrize("sampled", [False, True])
def test_training_and_inference_agree_with_float32(half, graph, sampled, tmp_path):
    overrides = ["max_epochs=3", "model.hidden_channels=8", "device=cpu", "model.dropout=0.0"]
    if sampled:
        overrides += ["batch_size=8", "fanout=[3,3]"]
    graph.save(tmp_path / "graph")
    runs = [
        train(g, task="price", model="hetero_gat", seed=0, overrides=overrides, out=tmp_path / str(n))
        for n, g in enumerate((half, load_graph(tmp_path / "graph")))
    ]
    ours, theirs = (run.evaluate("test") for run in runs)
    assert ours == pytest.approx(theirs, rel=0.02)
    assert ours != theirs


def test_what_half_precision_cannot_hold_is_refused(shop_folder, half_shop, tmp_path, make_shop):
    shop = make_shop()
    vectors = np.load(shop.folder / "vectors.npy")
    vectors[3, 2] = 1e5
    np.save(shop.folder / "vectors.npy", vectors)
    overrides = [
        "storage=float16",
        "entities.product.modalities.vector.encoder={name: standardise, method: none}",
    ]
    wanted = (
        r"modalities.vector: storage: got float16.*up to 65,504; there is one of 1e\+05.*storage: float32"
    )
    with pytest.raises(MMGraphError, match=wanted):
        build_graph(mg.load_dataset(shop.folder, overrides=overrides), relations=["made_by"], cache=False)
    with pytest.raises(ConfigError, match="storage: got 'float8'; wanted one of 'float32' or 'float16'"):
        mg.load_dataset(shop.folder, overrides=["storage=float8"])


def test_a_number_beyond_half_precision_is_told_beside_one_that_is_none():
    with pytest.raises(DataError, match="one of 1e\\+06"):
        as_kept(np.array([1e6, np.inf, np.nan]), "float16")
