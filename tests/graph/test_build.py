"""From a dataset to a graph."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mmgraph import models
from mmgraph.data.dataset import Dataset
from mmgraph.encoders import HOG, FeatureCache
from mmgraph.errors import DataError, GraphError, MMGraphError
from mmgraph.graph import Graph, Nodes, build_graph, relation_faults
from mmgraph.progress import Progress
from mmgraph.registry import RELATIONS
from mmgraph.relations import KNN, relation


def test_nodes_are_entities_and_the_modalities_that_they_have(graph: Graph, shop: Dataset):
    sizes = {t.name: (t.num_nodes, t.kind) for t in graph.schema.node_types}
    assert sizes == {
        "product": (24, None),
        "product/name": (22, "text"),
        "product/picture": (16, "image"),
        "product/vector": (24, "features"),
        "maker": (2, None),
    }
    assert list(graph.nodes) == list(sizes)
    assert list(graph.features) == ["product/name", "product/picture", "product/vector"]
    for name, features in graph.features.items():
        assert features.shape == (sizes[name][0], graph.schema.channels[name])
        assert features.dtype == np.float32
    assert graph.schema.channels["product"] == graph.schema.channels["maker"] == 0


def test_every_modality_node_is_tied_to_its_entity(graph: Graph):
    for name in graph.features:
        table = graph.nodes[name]
        source, target = graph.edge_index[name, "of", "product"]
        assert source.tolist() == list(range(len(table)))
        assert target.tolist() == table["entity_index"].tolist()
        assert graph.nodes["product"]["id"].iloc[target].tolist() == table["id"].tolist()
        back = graph.edge_index["product", "rev_of", name]
        assert np.array_equal(back, np.stack([target, source]))
    assert 4 not in graph.edge_index["product/name", "of", "product"][1]


def test_two_images_of_one_entity_type_stay_apart(make_shop, shop_spec, tmp_path):
    """Each has its own nodes, features, encoder and weights; a product may lack either of them."""
    make_shop()
    table = pd.read_csv(tmp_path / "shop/products.csv", dtype=str)
    table["back"] = table["picture"].shift(1)
    table.to_csv(tmp_path / "shop/products.csv", index=False)
    product = copy.deepcopy(shop_spec["entities"]["product"])
    product["modalities"]["back"] = {"kind": "image", "column": "back"}
    spec = shop_spec | {"entities": shop_spec["entities"] | {"product": product}}
    (tmp_path / "shop/dataset.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    graph = build_graph(tmp_path / "shop", cache=False)
    front, back = (graph.nodes[f"product/{name}"]["entity_index"] for name in ("picture", "back"))
    assert back.tolist() == [row + 1 for row in front if row < 23]
    assert graph.schema.node_type("product/picture").kind == graph.schema.node_type("product/back").kind
    width = graph.schema.channels["product/back"]
    assert graph.features["product/back"].shape == (len(back), width)
    assert {"product/picture", "product/back"} <= graph.encoders.keys()
    model = models.build(graph.view("price").schema, model="mlp")
    assert {"product/picture", "product/back"} <= set(model.projection.linear.keys())
    assert model.projection.linear["product/back"].in_features == width


def test_files_that_cannot_be_read_are_told_of_all_modalities_and_all_others_are_kept(
    make_shop, shop_spec, tmp_path
):
    modality = {"kind": "image", "column": "picture"}
    modalities = {"picture": modality, "again": {**modality, "encoder": "lbp"}}
    product = shop_spec["entities"]["product"] | {"modalities": modalities}
    shop = make_shop(entities=shop_spec["entities"] | {"product": product}, relations={}, tasks={})
    broken = sorted((tmp_path / "shop").rglob("*.png"))[:2]
    whole = [path.read_bytes() for path in broken]
    for path in broken:
        path.write_bytes(b"no image")
    cache = FeatureCache(tmp_path / "kept")
    with pytest.raises(DataError, match="2 faults") as caught:
        build_graph(shop, cache=cache)
    assert [fault.where.split(": ")[1].rpartition(".")[2] for fault in caught.value.faults] == [
        "picture",
        "again",
    ]
    assert all(", row " in fault.where and "(2 of " in fault.problem for fault in caught.value.faults)
    for path, content in zip(broken, whole, strict=True):
        path.write_bytes(content)
    quiet, raw = Progress(quiet=True), shop.modality("product", "picture")
    cache.description(HOG(), "hog", raw, lambda some: HOG().describe(some, quiet), progress=quiet)
    assert cache.described == 2


def test_all_relations_of_the_dataset_are_built(graph: Graph):
    assert graph.schema.relations == ["bought_with", "made_by", "same_shelf", "alike", "looks_like"]
    triples = graph.schema.metadata[1]
    assert len(triples) == 2 * 3 + 2 * 4 + 1
    assert list(graph.edge_index) == triples
    assert graph.schema.weighted == list(graph.edge_weight)
    for edge_type in graph.schema.edge_types:
        source, target = graph.edge_index[edge_type.triple]
        assert source.dtype == np.int64
        assert len(source) == edge_type.num_edges
        assert np.lexsort((source, target)).tolist() == list(range(len(source)))
        if edge_type.reverse_of:
            forward = graph.edge_index[edge_type.target, edge_type.reverse_of, edge_type.source]
            assert set(zip(source, target, strict=True)) == set(zip(forward[1], forward[0], strict=True))


def test_a_path_will_do(shop_folder: Path, graph: Graph):
    assert build_graph(shop_folder, cache=False).fingerprint() == graph.fingerprint()
    assert build_graph(str(shop_folder / "dataset.yaml"), cache=False).schema == graph.schema


def test_the_manifest_tells_what_went_in_and_nothing_of_the_machine(graph: Graph, shop: Dataset):
    manifest = graph.manifest
    assert manifest["format"] == 2
    assert manifest["name"] == "shop"
    assert manifest["dataset"] == {"spec": shop.spec.model_dump(mode="json")}
    assert manifest["dataset"]["spec"] == shop.spec.model_dump(mode="json")
    assert manifest["relations"]["alike"] == {
        "builder": "knn",
        "parameters": KNN("product/vector", k=3).parameters(),
        "kind": "derived",
        "transductive": True,
        "inductive": KNN.inductive,
        "counts": {"edges": 72},
        "warnings": [],
    }
    assert manifest["relations"]["made_by"]["transductive"] is False
    training = shop.training_rows("product")
    fitted = {name: encoder["fitted_on"] for name, encoder in manifest["encoders"].items()}
    assert fitted == {name: int(training[graph.nodes[name]["entity_index"]].sum()) for name in graph.features}
    assert str(shop.folder) not in str(manifest)
    assert os.uname().nodename not in str(manifest)


def test_another_process_writes_the_same_bytes(shop_folder: Path, graph: Graph, tmp_path: Path):
    graph.save(tmp_path / "here")
    code = "import sys, mmgraph as mg; mg.build_graph(sys.argv[1], cache=False).save(sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", code, shop_folder, tmp_path / "there"],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=tmp_path,
    )
    here, there = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (tmp_path / "here", tmp_path / "there")
    )
    assert len(here) > 20
    assert [name for name in {**here, **there} if here.get(name) != there.get(name)] == []


def test_all_faults_come_at_once_and_before_anything_is_encoded(make_shop, monkeypatch):
    monkeypatch.setattr("mmgraph.graph.nodes.encode_modality", None)
    shop = make_shop(
        relations={
            "lost": {"builder": "table", "source": "product", "target": "maker", "table": "bought_with.csv"},
            "absent": {"builder": "table", "source": "product", "target": "maker", "table": "gone.csv"},
            "leak": {"builder": "shared_attribute", "entity": "product", "column": "colour"},
            "crowd": {"builder": "knn", "on": "product/picture", "k": 16},
            "nowhere": {"builder": "knn", "on": "product/sound"},
            "fine": {"builder": "knn", "on": "product/name"},
        },
        tasks={"colour": {"entity": "product", "target": "colour", "split": "random"}},
    )
    with pytest.raises(GraphError) as caught:
        build_graph(shop, cache=False)
    places = [fault.where.rpartition("/")[2] for fault in caught.value.faults]
    assert len(places) == 5
    text = str(caught.value)
    assert "relations.absent.table: got 'gone.csv'; there is no such file" in text
    assert "relations.leak.column: got 'colour', which the task 'colour' predicts" in text
    assert "relations.crowd.k: got 16; product/picture has 16 nodes" in text
    assert "relations.nowhere.on: there is no node type 'product/sound'" in text
    assert "wanted an id of the type 'maker'" in text
    assert {fault.where for fault in relation_faults(shop)} == {fault.where for fault in caught.value.faults}


def test_a_sound_dataset_has_no_faults(shop: Dataset):
    assert relation_faults(shop) == []


def test_a_fault_that_many_find_is_told_once(make_shop):
    shop = make_shop()
    (shop.folder / "products.csv").write_text("sku,title\np1,a\np1,b\n")
    with pytest.raises(MMGraphError) as caught:
        build_graph(shop, cache=False)
    assert str(caught.value).count("ids stand more than once") == 1


def test_a_misspelt_encoder_is_found_before_the_encoding(make_shop, shop_spec, monkeypatch):
    monkeypatch.setattr("mmgraph.graph.nodes.encode_modality", None)
    entities = shop_spec["entities"]
    product = entities["product"]
    name = product["modalities"]["name"] | {"encoder": "tfidff"}
    modalities = product["modalities"] | {"name": name}
    shop = make_shop(entities=entities | {"product": product | {"modalities": modalities}})
    with pytest.raises(MMGraphError, match="tfidf"):
        build_graph(shop, cache=False)


def test_without_previews(shop: Dataset, graph: Graph):
    plain = build_graph(shop, previews=False, cache=False)
    assert plain.nodes["product/picture"]["preview"].isna().all()
    assert plain.fingerprint() == graph.fingerprint()


def test_progress_names_what_is_done(shop: Dataset, capsys):
    from mmgraph.progress import Progress

    build_graph(shop, cache=False, progress=Progress())
    err = capsys.readouterr().err
    for text in ("relation made_by: 24 edges", "product/name: 22 nodes", "relation alike: 72 edges"):
        assert text in err
    build_graph(shop, cache=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seen_by", ["text", "tabular"])
def test_a_modality_that_holds_the_answer_is_refused(make_shop, shop_spec, seen_by):
    product = shop_spec["entities"]["product"]
    kinds = {
        "text": {"kind": "text", "column": "colour"},
        "tabular": {"kind": "tabular", "columns": {"shelf": "categorical", "colour": "categorical"}},
    }
    modalities = product["modalities"] | {"seen": kinds[seen_by]}
    entities = shop_spec["entities"] | {"product": product | {"modalities": modalities}}
    with pytest.raises(
        GraphError, match=r"tasks\.colour\.target: got 'colour', which the modality 'seen' gives"
    ):
        build_graph(make_shop(entities=entities), cache=False)
    hidden = shop_spec["tasks"]["colour"]["without"] | {"modalities": ["seen"]}
    tasks = shop_spec["tasks"] | {"colour": shop_spec["tasks"]["colour"] | {"without": hidden}}
    assert "colour" in build_graph(make_shop(entities=entities, tasks=tasks), cache=False).tasks


def test_the_id_is_no_target(make_shop, shop_spec):
    tasks = {"itself": shop_spec["tasks"]["colour"] | {"target": "sku"}}
    with pytest.raises(GraphError, match=r"tasks\.itself\.target: got 'sku', the id"):
        build_graph(make_shop(tasks=tasks), cache=False)


def test_a_task_without_a_modality_is_without_what_was_made_from_its_columns(make_shop, shop_spec):
    facts = {"kind": "tabular", "columns": {"shelf": "categorical"}}
    product = shop_spec["entities"]["product"]
    entities = shop_spec["entities"] | {
        "product": product | {"modalities": product["modalities"] | {"facts": facts}}
    }
    task = {"entity": "product", "target": "colour", "split": shop_spec["tasks"]["colour"]["split"]}
    tasks = {"seeing": task, "blind": task | {"without": {"modalities": ["facts"]}}}

    @relation("leak", source="product", target="product", columns=["shelf"])
    def leak(source: Nodes, target: Nodes):
        return [0], [1]

    @relation("harmless", source="product", target="product")
    def harmless(source: Nodes, target: Nodes):
        return [0], [1]

    for name in ("leak", "harmless"):
        RELATIONS._things.pop(name)
    graph = build_graph(make_shop(entities=entities, tasks=tasks), relations=[leak, harmless], cache=False)
    kept = {task: set(graph.view(task).schema.relations) & {"leak", "harmless"} for task in tasks}
    assert kept == {"seeing": {"leak", "harmless"}, "blind": {"harmless"}}
