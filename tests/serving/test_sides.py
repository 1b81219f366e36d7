"""A retrieval in use: pictures by words and words by pictures, of known entities and of new ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import mmgraph as mg
from mmgraph.errors import ConfigError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.graph.nodes import NodeFactory
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.serving import Predictor
from mmgraph.serving.answers import plain_answers
from mmgraph.serving.new_rows import read_new
from mmgraph.serving.search import VectorSearch
from mmgraph.serving.vector_index import as_units
from mmgraph.tasks.content import Content
from mmgraph.training.inference import AtOnce

TASK = "retrieval:name,picture"
ROWS = [
    {"sku": "n1", "title": "warm fire item1", "picture": "9.png", "material": "wood", "shelf": "s1"},
    {"sku": "n2", "title": "leaf item9", "picture": "10.png", "weight": 3},
]


@pytest.fixture(scope="module")
def retrieval(make_run):
    return make_run(task=TASK)


@pytest.fixture(scope="module")
def search(retrieval):
    pytest.importorskip("faiss")
    return VectorSearch(retrieval)


def test_what_is_found_for_held_out_entities_is_what_the_metrics_rest_on(retrieval, search):
    table = retrieval.predictions().set_index("id")
    test = table.query("split == 'test'").dropna(subset="target")
    assert len(test) > 5
    for side, rank in (("picture", "rank"), ("name", "rank_back")):
        for name, row in test.iterrows():
            found = search.like(name, k=60, where=["split:colour=test"], side=side).table
            cosine = found.set_index("id")["similarity"].reindex(test.index)
            assert cosine.notna().all()
            better, same = cosine > cosine[name] + 1e-5, (cosine - cosine[name]).abs() <= 1e-5
            # Pictures of one colour are all the same.
            assert better.sum() + (same.sum() + 1) / 2 == row[rank]


def test_words_find_pictures_and_pictures_find_words(search, shop_folder):
    table = pd.read_csv(shop_folder / "products.csv").set_index("sku")
    by_words = search.find({"title": "fire warm"}, k=5)
    assert by_words.side == "picture"
    assert table.loc[by_words.table["id"], "colour"].tolist() == ["red"] * 5
    assert by_words.candidates == table["picture"].notna().sum()
    by_picture = search.find({"picture": "5.png"}, folder=shop_folder, k=5)
    assert by_picture.side == "name"
    assert table.loc[by_picture.table["id"], "colour"].tolist() == ["green"] * 5
    assert by_picture.candidates == table["title"].notna().sum()
    assert by_picture.index.kind == "flat"


def test_words_may_find_words_and_both_may_be_weighed(search, shop_folder, retrieval):
    row = {"title": "warm fire item1", "picture": "9.png"}
    predictor = Predictor(retrieval)
    one, two = (
        predictor.embed([{"sku": "new", **row}], side=side, folder=shop_folder).vectors[0]
        for side in ("name", "picture")
    )
    ids, pictures = retrieval.embed(side="picture")
    for weights, unit in ((None, one + two), ({"name": 3.0}, 3 * one + two)):
        found = search.find(row, weights=weights, folder=shop_folder, side="picture", k=4)
        cosine = pd.Series(pictures @ as_units(unit[None])[0], index=ids)
        # Pictures of one colour are all the same, so that their order is nobody's.
        np.testing.assert_allclose(found.table["similarity"], cosine[found.table["id"]], atol=1e-5)
        np.testing.assert_allclose(found.table["similarity"], cosine.nlargest(4), atol=1e-5)
    alone = search.find({"title": "warm fire item1"}, side="name", k=1)
    assert alone.table["similarity"].item() > 0.9
    assert alone.notes == []


def test_what_a_side_does_not_see_is_not_encoded(retrieval, shop_folder, monkeypatch):
    predictor, encoded = Predictor(retrieval), []
    original = NodeFactory.encoded
    monkeypatch.setattr(
        NodeFactory, "encoded", lambda self, name: encoded.append(name) or original(self, name)
    )
    whole = predictor.embed(ROWS, side="name", folder=shop_folder)
    assert "product/picture" not in encoded
    assert "product/name" in encoded
    names = [{name: value for name, value in row.items() if name in ("sku", "title")} for row in ROWS]
    alone = predictor.embed(names, side="name", folder=shop_folder)
    np.testing.assert_array_equal(alone.vectors, whole.vectors)


def test_a_known_entity_adds_the_side_that_a_description_has_not(search, retrieval):
    row = {"title": "warm fire item1"}
    words = Predictor(retrieval).embed([{"sku": "new", **row}], side="name").vectors[0]
    ids, pictures = retrieval.embed(side="picture")
    own = pictures[ids.tolist().index("p1")]
    for side in ("picture", "name"):
        known, vectors = retrieval.embed(side=side)
        found = search.find(row, like="p1", weights={"id": 2.0}, side=side, k=4)
        cosine = pd.Series(vectors @ as_units((words + 2 * own)[None])[0], index=known).drop("p1")
        np.testing.assert_allclose(found.table["similarity"], cosine.nlargest(4), atol=1e-5)
        assert found.candidates == len(cosine)


@pytest.mark.parametrize("model", ["hetero_gat", "cross_modal_transformer", "han"])
@pytest.mark.parametrize("side", ["name", "picture"])
def test_a_new_side_is_seen_as_a_known_one_of_the_whole_graph(make_run, shop_folder, model, side):
    run = make_run(model, task=TASK)
    predictor = Predictor(run)
    found = predictor.embed(ROWS, side=side, folder=shop_folder)
    attached = attach(predictor.view, read_new(predictor.view, ROWS, entity="product", folder=shop_folder))
    count, space = len(run.graph.nodes["product"]), run.space(side)
    view = space.side.view(torch.cat([space.asked, torch.ones(2, dtype=torch.bool)]))
    rows = {"product": torch.arange(count, count + 2)}
    states = AtOnce(GraphBatch.of(attached.graph)).unify(run.module.eval().model, rows, view)["product"]
    with torch.no_grad():
        features = Content.in_graph(attached.graph, "product")[side].of(rows["product"])
        wanted = space.place(run.module.head, states, features).numpy()
    order = [attached.new["product"].index(name) for name in found.ids]
    np.testing.assert_allclose(found.vectors, wanted[order], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("side", ["name", "picture"])
def test_of_a_new_entity_nothing_is_seen_but_the_side(retrieval, shop_folder, side):
    column = {"name": "title", "picture": "picture"}[side]
    predictor = Predictor(retrieval)
    whole = predictor.embed(ROWS, side=side, folder=shop_folder)
    rows = [{"sku": row["sku"], column: row[column]} for row in ROWS]
    alone = predictor.embed(rows, side=side, folder=shop_folder)
    np.testing.assert_array_equal(whole.vectors, alone.vectors)
    assert whole.notes == alone.notes == ["", ""]


@pytest.mark.parametrize("batch_size", [0, 16])
@pytest.mark.parametrize("context", [0.2, 0])
def test_a_twin_lies_where_its_entity_does(
    make_run, shop_folder, tmp_path_factory, batch_size, context, request
):
    """By ``scope: training`` a twin of a held-out entity has the neighbours of its entity, and no others."""
    graph = request.getfixturevalue("inductive_graph")
    settings = (f"batch_size={batch_size}", f"contrastive.context={context}", "max_epochs=3")
    run = make_run("hetero_gat", *settings, task=TASK, graph=graph)
    table = pd.read_csv(shop_folder / "products.csv", dtype=str, keep_default_na=False)
    nodes = run.graph.nodes["product"]
    held_out = set(nodes["id"][nodes["split:colour"] == "test"])
    for side, column in (("name", "title"), ("picture", "picture")):
        ids, known = run.embed(side=side)
        wanted = [row for row, name in enumerate(ids) if name in held_out]
        twins = table.set_index("sku").loc[ids[wanted]].reset_index()[["sku", column]]
        twins["sku"] = "new-" + twins["sku"]
        found = Predictor(run).embed(twins, side=side, folder=shop_folder)
        assert len(wanted) > 5
        np.testing.assert_allclose(found.vectors, known[wanted], atol=1e-5)


@pytest.fixture(scope="module")
def inductive_graph(shop_folder, tmp_path_factory):
    near = {"k": 3, "connect": "entity", "scope": "training"}
    relations = [
        "made_by",
        ("named_alike", mg.KNN("product/name", **near)),
        ("looks_like", mg.KNN("product/picture", **near)),
    ]
    return build_graph(
        shop_folder, relations=relations, cache=False, out=tmp_path_factory.mktemp("sides") / "graph"
    )


@pytest.mark.parametrize("side", ["name", "picture"])
def test_a_side_is_as_wide_as_the_common_space_and_what_the_closed_form_compares(retrieval, side):
    features = sum(retrieval.graph.features[f"product/{name}"].shape[1] for name in ("name", "picture"))
    ids, vectors = retrieval.embed(side=side)
    correlations = retrieval.module.head.ridge.canonical.query.weight.shape[2]
    assert correlations > 0
    assert vectors.shape == (len(ids), retrieval.config.contrastive.channels + features + correlations)


def test_an_index_of_each_side_is_kept(retrieval, search):
    search.like("p1", side="picture")
    search.like("p1", side="name")
    kept = sorted(folder.name for folder in (retrieval.folder / "search").iterdir())
    assert kept == ["product.name", "product.picture"]


def test_an_entity_that_has_one_side_needs_no_word_of_the_other(search):
    assert search.like("p4", k=2).side == "picture"
    with pytest.raises(ConfigError, match="'p4' has no picture to find a name by"):
        search.like("p4", side="name")


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        (lambda s: s.like("p1"), "has both name and picture, .* Say it: --for name or --for picture"),
        (lambda s: s.like("p1", side="facts"), "'facts' is no side of the retrieval"),
        (lambda s: s.find({"material": "wood"}), "got no side; wanted at least one of name, picture"),
        (lambda s: s.find({"title": "warm"}, weights={"picture": 2}), "the query has no 'picture'"),
        (lambda s: VectorSearch(s.run, entity="maker"), "got 'maker', but the retrieval is one of 'product'"),
        (lambda s: s.run.embed("maker", side="name"), "got 'maker', but the retrieval is one of 'product'"),
        (
            lambda s: Predictor(s.run).embed([ROWS[0], {"sku": "n3"}], side="name"),
            "^side 'name': 1 new entity of the type 'product' has no name, first 'n3'",
        ),
        (lambda s: s.find({"title": "warm"}, like="p1"), "has both name and picture, .* Say it: --for name"),
        (lambda s: s.find({"title": "warm"}, like="p4", side="name"), "'p4' has no picture to go with"),
        (lambda s: s.find(ROWS[0], like="p1", side="name"), "so that nothing of 'p1' counts"),
        # Who has neither picture nor name is no entity of any side.
        (lambda s: s.like("p24"), "'p24' has neither name nor picture .* Search by another entity"),
        (lambda s: s.like("p24", side="name"), "'p24' has neither name nor picture"),
        (lambda s: s.like("p1", side="pictur"), "^--for: 'pictur' is no side .* Did you mean 'picture'"),
        (
            lambda s: Predictor(s.run).embed(ROWS, side="pictur"),
            "^side: 'pictur' is no side of the retrieval",
        ),
    ],
)
def test_questions_that_cannot_be_answered_say_why(search, monkeypatch, shop_folder, ask, wanted):
    monkeypatch.chdir(shop_folder)
    with pytest.raises(ConfigError, match=wanted):
        ask(search)


def test_other_runs_have_no_sides(run):
    pytest.importorskip("faiss")
    message = "--for: got 'picture', but the task 'colour' is classification, which knows entities as a whole"
    with pytest.raises(ConfigError, match=message):
        VectorSearch(run).like("p1", side="picture")
    with pytest.raises(ConfigError, match="--side: got 'picture'"):
        run.embed(side="picture")


# A model that looks at all nodes together sees new ones among them.
@pytest.mark.parametrize(("model", "apart"), [("hetero_gat", 1e-5), ("mlp", 1e-5), ("han", 1e-2)])
def test_new_pairs_are_told_as_pairs_of_the_graph_are(make_run, shop_folder, request, model, apart):
    """A twin of a test entity and its own answer, or that of another, has the probability of that pair."""
    graph = request.getfixturevalue("inductive_graph")
    run = make_run(model, "max_epochs=3", task="matching:name,picture", graph=graph)
    asked = run.predictions().query("split == 'test'").drop_duplicates(["id", "answer"])
    columns = pd.read_csv(shop_folder / "products.csv", dtype=str, keep_default_na=False).set_index("sku")
    pairs = pd.DataFrame(
        {
            "sku": [f"pair{number}" for number in range(len(asked))],
            "title": columns.loc[asked["id"], "title"].to_numpy(),
            "picture": columns.loc[asked["answer"], "picture"].to_numpy(),
        }
    ).iloc[::-1]
    found = Predictor(run).predict(pairs, folder=shop_folder)
    assert list(found) == ["id", "prediction", "probability", "notes"]
    assert found["id"].tolist() == pairs["sku"].tolist()
    assert asked["drawn"].nunique() > 1
    np.testing.assert_allclose(
        found["probability"], asked["probability"].to_numpy()[::-1], rtol=0, atol=apart
    )
    if model != "han":
        assert found["prediction"].tolist() == asked["prediction"].tolist()[::-1]
    assert json.loads(json.dumps(plain_answers(found)))[0].keys() == set(found)
    # The company of a pair makes no difference.
    alone = mg.predict(run, pairs.head(1), folder=shop_folder)
    assert alone["probability"][0] == pytest.approx(found["probability"][0], abs=apart)


def test_a_pair_has_both_modalities(make_run, shop_folder):
    run = make_run("mlp", "max_epochs=1", task="matching:name,picture")
    with pytest.raises(ConfigError, match="1 new entity of the type 'product' has no picture, first 'n2'"):
        mg.predict(run, [ROWS[0], {"sku": "n2", "title": "leaf"}], folder=shop_folder)
