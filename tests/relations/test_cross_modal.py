"""Neighbours between two modalities."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from mmgraph.data.load import load_dataset
from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import CrossModal
from mmgraph.relations.cca import CCA

SIZE = 60
SHOWS = ("thing/picture", "picture_near_words", "thing/words")


@pytest.fixture
def two_views(tmp_path):
    """Return a function that opens a dataset of things with a picture and words, which share a meaning."""

    def make(*, width=5, missing=True, size=SIZE, target=True, seed=0, prefix="t"):
        folder = tmp_path / f"{prefix}{seed}{width}{size}"
        folder.mkdir()
        rng = np.random.default_rng(seed)
        meaning = rng.normal(size=(size, 3))
        maps = np.random.default_rng(99)
        for name, w in (("picture", 5), ("words", width)):
            mixed = meaning @ maps.normal(size=(3, w)) + 0.1 * rng.normal(size=(size, w))
            np.save(folder / f"{name}.npy", mixed.astype(np.float32))
        rows = [
            f"{prefix}{n},{n % 2},{n % 5 > 0 or not missing},{n % 7 > 0 or not missing}" for n in range(size)
        ]
        (folder / "things.csv").write_text("id,kind,has_picture,has_words\n" + "\n".join(rows) + "\n")
        modalities = {
            name: {"kind": "features", "file": f"{name}.npy", "present": f"has_{name}"}
            for name in ("picture", "words")
        }
        spec = {"name": "things", "entities": {"thing": {"table": "things.csv", "modalities": modalities}}}
        if target:
            fractions = {"train": 0.6, "validation": 0.2, "test": 0.2}
            spec["splits"] = {"random": {"kind": "random", "entity": "thing", "fractions": fractions}}
            spec["tasks"] = {"answer": {"entity": "thing", "target": "kind", "split": "random"}}
        (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
        return load_dataset(folder)

    return make


def built(dataset, **parameters):
    builder = CrossModal("thing/picture", "thing/words", **({"k": 3} | parameters))
    return build_graph(dataset, relations=[builder], cache=False)


def cosines(a, b):
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a.astype(float), b.astype(float)))
    return a @ b.T


def nearest(similarity, k, permitted):
    """Return {(source, target): similarity} of the k permitted columns nearest to each row."""
    similarity = np.where(permitted, similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return {(int(s), t): similarity[t, s] for t, row in enumerate(order) for s in row}


@pytest.mark.parametrize("scope", ["all", "training"])
def test_cca_is_fitted_on_training_pairs_and_finds_the_nearest(two_views, scope):
    dataset = two_views()
    graph = built(dataset, scope=scope, weight="similarity", components=2, shrinkage=0.2)
    x, y = graph.features["thing/picture"], graph.features["thing/words"]
    rows = [graph.nodes[n]["entity_index"].to_numpy() for n in ("thing/picture", "thing/words")]
    training = dataset.training_rows("thing")
    pairs = [e for e in np.intersect1d(*rows) if training[e]]
    cca = CCA.fit(
        x[np.searchsorted(rows[0], pairs)],
        y[np.searchsorted(rows[1], pairs)],
        components=2,
        shrinkage=0.2,
    )
    permitted = training[rows[0]] if scope == "training" else np.ones(len(x), bool)
    expected = nearest(cosines(cca.place(1, y), cca.place(0, x)), 3, permitted)
    found = zip(map(tuple, graph.edge_index[SHOWS].T.tolist()), graph.edge_weight[SHOWS], strict=True)
    assert dict(found) == pytest.approx({e: (1 + s) / 2 for e, s in expected.items()}, abs=1e-5)
    counts = graph.manifest["relations"]["picture_near_words"]["counts"]
    assert counts["pairs"] == len(pairs)
    assert graph.schema.edge_type(SHOWS).made_from == ("thing/picture", "thing/words")


def test_what_belongs_together_is_near(two_views):
    graph = built(two_views(), components=3, k=1)
    ids = [graph.nodes[n]["entity_index"].to_numpy() for n in ("thing/picture", "thing/words")]
    source, target = graph.edge_index[SHOWS]
    have_both = np.isin(ids[1][target], ids[0])
    assert (ids[0][source] == ids[1][target])[have_both].mean() > 0.5


def test_an_entitys_own_modality_is_no_neighbour_by_itself(two_views):
    # In a space where the two have nothing to do with each other, hardly any finds its own.
    dataset = two_views(missing=False)
    graph = built(dataset, space="shared", k=1)
    source, target = graph.edge_index[SHOWS]
    assert (source == target).mean() < 0.3


@pytest.mark.parametrize("space", ["cca", "shared"])
@pytest.mark.parametrize("connect", ["modality", "entity"])
def test_new_nodes_find_known_ones_of_the_other_modality(two_views, attached, space, connect):
    graph = built(two_views(), space=space, connect=connect, weight="similarity")
    new = two_views(size=6, target=False, seed=1, prefix="new", missing=False)
    found = attached(graph, new, "picture_near_words")
    known = [graph.features[n] for n in ("thing/picture", "thing/words")]
    fresh = [
        graph.encoders[n].transform(np.load(new.folder / f"{n[6:]}.npy"))
        for n in ("thing/picture", "thing/words")
    ]
    if space == "cca":
        fitted = graph.fitted["picture_near_words"]
        cca = CCA(
            (fitted["source_mean"], fitted["target_mean"]),
            (fitted["source_map"], fitted["target_map"]),
            fitted["correlations"],
        )
        known, fresh = ([cca.place(v, side[v]) for v in (0, 1)] for side in (known, fresh))
    rows = [graph.nodes[n]["entity_index"].to_numpy() for n in ("thing/picture", "thing/words")]
    if connect == "modality":
        rows = [np.arange(len(r)) for r in rows]
    incoming = nearest(cosines(fresh[1], known[0]), 3, np.ones(len(known[0]), bool))
    outgoing = nearest(cosines(fresh[0], known[1]), 3, np.ones(len(known[1]), bool))
    for edges, expected in (
        (found.incoming, {(rows[0][s], t) for s, t in incoming}),
        (found.outgoing, {(s, rows[1][t]) for t, s in outgoing}),
    ):
        assert set(zip(edges.source.tolist(), edges.target.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("options", "parameters", "message"),
    [
        (
            {"width": 4},
            {"space": "shared"},
            "space: got shared, but thing/picture has 5 channels and thing/words 4",
        ),
        ({"size": 14}, {}, "space: got cca, but 6 training entities have both"),
        ({}, {"k": 99}, "k: got 99; there are 48 nodes of thing/picture that may send"),
        ({}, {"target": "thing/picture"}, "target: got 'thing/picture' at both ends"),
        ({}, {"target": "thing"}, "target: got 'thing', an entity type"),
    ],
)
def test_faults(two_views, options, parameters, message):
    builder = CrossModal(**({"source": "thing/picture", "target": "thing/words", "k": 3} | parameters))
    with pytest.raises(GraphError) as caught:
        build_graph(two_views(**options), relations=[("shows", builder)], cache=False)
    assert message in str(caught.value)
