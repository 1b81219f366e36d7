"""What every registered relation builder keeps to, built in or plugged in."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.errors import ConfigError
from mmgraph.graph import Graph, RelationBuilder, build_graph, load_graph
from mmgraph.registry import RELATIONS
from mmgraph.relations import CustomRelation

EXAMPLES = {
    "co_occurrence": {"entity": "thing", "column": "tag"},
    "conversation": {"entity": "thing", "link": "window", "conversation": "tag", "turn": "number"},
    "cross_modal": {"source": "thing/vector", "target": "thing/picture", "k": 3, "weight": "similarity"},
    "hierarchy": {"entity": "thing", "depth": None},
    "knn": {"on": "thing/vector", "k": 3, "weight": "similarity"},
    "meta_path": {"path": ["table", "rev_table"]},
    "radius": {"on": "thing/vector", "min_similarity": 0.5, "weight": "similarity"},
    "random": {"like": "table"},
    "sequence": {"on": "thing/words", "link": "window"},
    "shared_attribute": {"entity": "thing", "column": "tag"},
    "shuffled": {"like": "table"},
    "spatial_boxes": {"entity": "thing", "columns": ["x", "y", "size", "size"], "weight": "iou"},
    "spatial_distance": {"entity": "thing", "columns": ["x", "y"], "k": 3, "half_distance": 2},
    "spatial_grid": {"entity": "thing", "row": "x", "column": "y", "neighbours": 8},
    "table": {"source": "thing", "target": "thing", "table": "link.csv", "weight_column": "share"},
    "temporal": {"entity": "thing", "column": "number", "k": 3, "half_life": 4},
}
"""For each registered builder, parameters that make edges among the things below."""

SIZE = 20


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twenty things with a vector, a picture, words, a tag, a number, a parent, a place, and links."""
    folder = tmp_path_factory.mktemp("things")
    rng = np.random.default_rng(0)
    np.save(folder / "vectors.npy", rng.normal(size=(SIZE, 4)).astype(np.float32))
    np.savez(
        folder / "words.npz",
        values=rng.normal(size=(3 * SIZE, 2)).astype(np.float32),
        offsets=np.arange(0, 3 * SIZE + 1, 3),
    )
    (folder / "things.csv").write_text(
        "id,tag,number,parent,x,y,size\n"
        + "".join(f"t{n},{n % 6},{n},{f't{n // 2}' if n else ''},{n % 5},{n // 5},2\n" for n in range(SIZE))
    )
    links = [(n, (n * 3 + 1) % SIZE, n + 1) for n in range(SIZE)]
    (folder / "link.csv").write_text(
        "source,target,share\n" + "".join(f"t{s},t{t},{w}\n" for s, t, w in links)
    )
    np.save(folder / "pictures.npy", rng.normal(size=(SIZE, 3)).astype(np.float32))
    modalities = {
        "vector": {"kind": "features", "file": "vectors.npy"},
        "picture": {"kind": "features", "file": "pictures.npy"},
        "words": {"kind": "features", "file": "words.npz", "sequence": True},
    }
    spec = {
        "name": "things",
        "entities": {"thing": {"table": "things.csv", "modalities": modalities}},
        "relations": {name: {"builder": name} | example for name, example in EXAMPLES.items()},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return load_dataset(folder)


@pytest.fixture(scope="module")
def graph(things: Dataset) -> Graph:
    return build_graph(things, cache=False)


@pytest.fixture(params=sorted(EXAMPLES))
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    return request.param


def test_every_registered_builder_has_an_example():
    # Plain functions are tested with the decorator; other tests may have registered some.
    assert set(EXAMPLES) == {name for name, kind in RELATIONS.items() if not issubclass(kind, CustomRelation)}


def test_it_is_a_documented_builder(name: str):
    builder = RELATIONS.get(name)
    assert issubclass(builder, RelationBuilder)
    assert not inspect.isabstract(builder)
    assert builder.kind in ("given", "derived")
    assert inspect.getdoc(builder)
    for parameter, field in builder.config_model().model_fields.items():
        assert field.description, parameter
        assert f"{parameter}: " in str(builder.__doc__) + str(RelationBuilder.__doc__)


def test_parameters_make_the_builder_again(name: str):
    builder = RELATIONS.get(name).from_config(EXAMPLES[name], where="x")
    assert type(builder)(**builder.parameters()) == builder
    parameters = json.loads(json.dumps(builder.parameters()))
    assert RELATIONS.get(name).from_config(parameters, where="x") == builder
    assert hash(builder) is not None


def test_a_key_that_is_not_known_is_refused(name: str):
    with pytest.raises(ConfigError, match=r"relations.r.colour: is a key that is not known here"):
        RELATIONS.get(name).from_config(EXAMPLES[name] | {"colour": 1}, where="dataset.yaml: relations.r")


def test_python_and_yaml_give_the_same_edges(name: str, things: Dataset, graph: Graph):
    builder = RELATIONS.get(name)(**EXAMPLES[name])
    built = build_graph(things, relations=[*builder.needs(), (name, builder)], cache=False)
    triples = [t.triple for t in built.schema.edge_types]
    assert {t.relation for t in built.schema.edge_types} == {"of", name, *builder.needs()}
    for triple in triples:
        assert np.array_equal(built.edge_index[triple], graph.edge_index[triple])


def test_edges_are_sorted_unique_and_weighted_above_0(name: str, graph: Graph):
    for edge_type in graph.schema.edge_types:
        if edge_type.relation == name:
            index = graph.edge_index[edge_type.triple]
            assert edge_type.num_edges == index.shape[1] > 0
            assert len(np.unique(index, axis=1).T) == index.shape[1]
            assert np.lexsort(index).tolist() == list(range(index.shape[1]))
            for end, nodes in zip((edge_type.source, edge_type.target), index, strict=True):
                assert 0 <= nodes.min() <= nodes.max() < graph.schema.node_type(end).num_nodes
            if edge_type.weighted:
                weight = graph.edge_weight[edge_type.triple]
                assert weight.dtype == np.float32
                assert np.isfinite(weight).all()
                assert (weight > 0).all()


def test_it_has_a_reverse_or_is_symmetric_or_leads_one_way(name: str, graph: Graph):
    forward, *reverse = [t for t in graph.schema.edge_types if t.relation == name]
    assert len(reverse) == (0 if forward.symmetric or forward.one_way else 1)
    if not forward.one_way:
        back = forward if forward.symmetric else reverse[0]
        assert told(graph, back.triple, (1, 0)) == told(graph, forward.triple, (0, 1))


def told(graph: Graph, triple: tuple[str, str, str], ends: tuple[int, int]) -> list[tuple[float, ...]]:
    """Return the edges of a type with their weights, in order."""
    index = graph.edge_index[triple]
    weight = graph.edge_weight.get(triple, np.ones(index.shape[1]))
    return sorted(zip(index[ends[0]].tolist(), index[ends[1]].tolist(), weight.tolist(), strict=True))


def test_the_manifest_describes_it(name: str, graph: Graph):
    described = graph.manifest["relations"][name]
    assert described["builder"] == name
    assert described["counts"]["edges"] == next(
        t.num_edges for t in graph.schema.edge_types if t.name == name
    )
    assert described["transductive"] == (RELATIONS.get(name).kind == "derived")
    assert json.loads(json.dumps(described)) == described


def test_it_comes_back_from_disk(graph: Graph, tmp_path: Path):
    graph.save(tmp_path / "graph")
    loaded = load_graph(tmp_path / "graph")
    for triple, index in graph.edge_index.items():
        assert np.array_equal(loaded.edge_index[triple], index)
