"""Predictions for entities that the graph does not know."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import mmgraph as mg
from mmgraph.errors import DivergedError, MMGraphError, RunError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.graph.nodes import NodeFactory
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.serving import Predictor
from mmgraph.serving.new_rows import read_new
from mmgraph.training.inference import AtOnce

MODELS = ["hetero_gat", "hetero_sage", "hgt", "rgcn", "mlp", "cross_modal_transformer", "mult", "han"]


END_KEYS = ("source", "target", "source_column", "target_column")


def rows_of(folder, ids, prefix="new-"):
    """Return known products as if they were new ones."""
    table = pd.read_csv(folder / "products.csv", dtype=str, keep_default_na=False).set_index("sku")
    rows = table.loc[ids].reset_index()
    return rows.assign(sku=prefix + rows["sku"]).drop(columns=["colour", "price"])


def with_edges(folder, ids, place, prefix="new-"):
    """Return a folder with these products as new ones, and the rows of tables that name them."""
    place.mkdir()
    rows_of(folder, ids, prefix).to_csv(place / "products.csv", index=False)
    for picture in folder.glob("*.png"):
        shutil.copy(picture, place)
    for name in ("bought_with.csv", "made_by.csv"):
        table = pd.read_csv(folder / name)
        parts = []
        for end in ("source", "target"):
            own = table[table[end].isin(ids)]
            parts.append(own.assign(**{end: prefix + own[end]}))
        pd.concat(parts).to_csv(place / name, index=False)
    return place


@pytest.mark.parametrize("model", MODELS)
def test_a_part_of_the_graph_gives_what_the_whole_graph_does(make_run, shop_folder, tmp_path, model):
    run = make_run(model)
    ids = [f"p{n}" for n in (1, 3, 8, 14, 40)]
    place = with_edges(shop_folder, ids, tmp_path / "new")
    predictor = Predictor(run)
    found = predictor.embed(place)
    attached = attach(predictor.view, read_new(predictor.view, place, entity="product"))
    count = len(run.graph.nodes["product"])
    rows = {"product": torch.arange(count, count + len(ids))}
    whole = AtOnce(GraphBatch.of(attached.graph)).unify(run.module.model.eval(), rows)["product"].numpy()
    order = [attached.new["product"].index(name) for name in found.ids]
    np.testing.assert_allclose(found.vectors, whole[order], atol=1e-5)
    assert (predictor.whole_graph is None) == (model != "han")


@pytest.mark.parametrize("batch_size", [0, 16])
@pytest.mark.parametrize("model", ["hetero_gat", "hetero_sage", "cross_modal_transformer", "mlp"])
def test_a_twin_is_answered_as_its_entity_where_relations_are_given(
    make_run, shop_folder, tmp_path_factory, tmp_path, model, batch_size
):
    """By tables a twin gets the edges of its entity; by nearest neighbours it would find the entity first."""
    folder = tmp_path_factory.mktemp("given") / "graph"
    graph = build_graph(shop_folder, relations=["bought_with", "made_by"], cache=False, out=folder)
    run = make_run(model, f"batch_size={batch_size}", graph=graph)
    known = run.predictions().set_index("id")
    test = known.query("split == 'test'").index.tolist()
    found = Predictor(run).predict(with_edges(shop_folder, test, tmp_path / "twins")).set_index("id")
    twins = found.loc[[f"new-{name}" for name in test]]
    assert twins["prediction"].tolist() == known.loc[test, "prediction"].tolist()
    np.testing.assert_allclose(
        np.stack(twins["probabilities"]), np.stack(known.loc[test, "probabilities"]), atol=1e-5
    )


def test_nearest_neighbours_of_a_twin_begin_with_its_entity(run, shop_folder, tmp_path):
    """What the how-to says of twins: the entity itself takes the place of its furthest neighbour."""
    view = Predictor(run).view
    place = with_edges(shop_folder, ["p8"], tmp_path / "new")
    table = attach(view, read_new(view, place, entity="product")).edge_table()
    alike = table[table["relation"] == "alike"]
    assert "p8" in alike["source"].tolist()
    assert len(alike) == 3


def test_the_company_of_an_entity_makes_no_difference(run, shop_folder):
    rows = rows_of(shop_folder, ["p5", "p6", "p12"])
    predictor = Predictor(run)
    together = predictor.embed(rows, folder=shop_folder)
    alone = predictor.embed(rows.iloc[[2]], folder=shop_folder)
    assert together.ids.tolist() == ["new-p5", "new-p6", "new-p12"]
    np.testing.assert_allclose(alone.vectors[0], together.vectors[2], atol=1e-5)


def test_rows_a_table_and_a_folder_say_the_same_in_the_order_given(run, shop_folder, tmp_path):
    place = with_edges(shop_folder, ["p22", "p4", "p13"], tmp_path / "new")
    rows = pd.read_csv(place / "products.csv", dtype=str, keep_default_na=False).iloc[::-1]
    rows.to_csv(place / "other.csv", index=False)
    predictor = Predictor(run)
    by_table = predictor.predict(place / "other.csv")
    assert by_table["id"].tolist() == rows["sku"].tolist()
    by_rows = predictor.predict(rows.to_dict("records"), folder=place)
    pd.testing.assert_frame_equal(by_table, by_rows)
    by_folder = predictor.predict(place).set_index("id").loc[rows["sku"]]
    assert by_folder["prediction"].tolist() == by_table["prediction"].tolist()
    pd.testing.assert_frame_equal(by_table, mg.predict(run, place / "other.csv"))


def test_notes_say_what_an_answer_does_not_rest_on(run):
    rows = [
        {"sku": "n1", "title": "warm fire item1", "material": "wood", "weight": 3.5, "shelf": "s1"},
        {"sku": "n2", "title": "qqq", "material": "velvet", "weight": None, "shelf": "s99"},
        {"sku": "n3"},
    ]
    found = Predictor(run).predict(rows)
    one, two, three = found["notes"]
    assert one == "no picture; no neighbour by bought_with, made_by"
    assert two.startswith("no picture; name: no known word; facts: unseen material 'velvet'; no neighbour by")
    assert "same_shelf" in two
    assert three == "no modality; no neighbour by alike, bought_with, made_by, same_shelf"
    assert np.isclose(found["probability"], [max(row) for row in found["probabilities"]]).all()
    assert list(found.columns) == ["id", "prediction", "probability", "probabilities", "notes"]


def test_neighbours_that_nobody_is_are_said_and_change_no_answer(run, shop_folder, tmp_path):
    place = with_edges(shop_folder, ["p1", "p3"], tmp_path / "new")
    before = Predictor(run).predict(place).set_index("id")
    with (place / "bought_with.csv").open("a") as file:
        columns = pd.read_csv(place / "bought_with.csv", nrows=0).columns
        for row in ({"source": "new-p1", "target": "p999"}, {"source": "p998", "target": "p997"}):
            file.write(",".join(str(row.get(column, 1)) for column in columns) + "\n")
    after = Predictor(run).predict(place).set_index("id")
    assert "1 unknown neighbour by bought_with" in after.loc["new-p1", "notes"]
    assert "unknown neighbour" not in after.loc["new-p3", "notes"] + before.loc["new-p1", "notes"]
    assert after["probability"].equals(before["probability"])


def test_a_model_that_reads_no_relation_says_nothing_of_any(make_run):
    (note,) = Predictor(make_run("mlp")).predict([{"sku": "n1", "title": "warm", "weight": 1}])["notes"]
    assert note == "no picture"


def test_regressions_answer_on_the_scale_of_their_target(make_run, shop_folder):
    run = make_run("mlp", task="price")
    known = run.predictions().set_index("id")
    found = Predictor(run).predict(rows_of(shop_folder, ["p7", "p9"]), folder=shop_folder)
    assert list(found.columns) == ["id", "prediction", "notes"]
    np.testing.assert_allclose(found["prediction"], known.loc[["p7", "p9"], "prediction"], rtol=1e-4)


@pytest.mark.parametrize("missing", ["token", "neighbours"])
def test_missing_modalities_are_completed_as_in_training(make_run, shop_folder, tmp_path, missing):
    run = make_run("hetero_gat", f"model.missing={missing}")
    predictor = Predictor(run)
    assert f"({missing})" in predictor.whole_graph
    assert len(predictor.predict(with_edges(shop_folder, ["p4", "p3"], tmp_path / "new"))) == 2


def test_relations_that_cannot_tie_new_entities_are_named(shop_folder, make_run, tmp_path):
    relation = mg.relation("ladder", source="product", target="product")

    def ladder(source, target):
        return np.arange(len(source) - 1), np.arange(1, len(source))

    graph = build_graph(shop_folder, relations=["bought_with", relation(ladder)], cache=False)
    try:
        predictor = Predictor(make_run("hetero_gat", graph=graph))
        assert predictor.untied == ["ladder"]
        (note,) = predictor.predict([{"sku": "n1", "title": "warm", "weight": 1}])["notes"]
    finally:
        mg.RELATIONS._things.pop("ladder")
    assert note == "no picture; ladder ties no new entities; no neighbour by bought_with"


def test_the_control_with_shuffled_edges_is_refused(make_run):
    with pytest.raises(MMGraphError, match="its edges lead to random nodes"):
        Predictor(make_run("hetero_gat", "edges=shuffled"))


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([], "has no such column|no rows"),
        ([{"sku": "p1", "title": "x"}], r"the graph has 'p1' already"),
        (
            [{"sku": "n", "title": "x"}, {"sku": "n", "title": "y"}],
            "ids stand more than once: 'n' in rows 1, 2",
        ),
        ([{"title": "x"}], "got 'sku'; rows has no such column"),
        ([{"sku": "n", "titel": "x"}], "got the column 'titel', which nothing reads. Did you mean 'title'?"),
        ([{"sku": "n", "picture": "../p.png"}], "the path leaves the folder of the dataset"),
        ([{"sku": "n", "picture": "/etc/passwd"}], "the path leaves the folder of the dataset"),
        ([{"sku": "n", "picture": "none.png"}], "there is no such file"),
        ([{"sku": "n", "picture": "products.csv"}], "is none of the image formats"),
        ([{"sku": "n", "weight": "heavy"}], "got 'heavy'; wanted a number"),
    ],
)
def test_bad_rows_are_answered_by_one_clear_error(run, shop_folder, rows, wanted):
    with pytest.raises(MMGraphError, match=wanted):
        Predictor(run).predict(rows, folder=shop_folder)


def test_columns_that_nothing_reads_are_counted(run, capsys):
    progress = mg.Progress()
    Predictor(run).predict([{"sku": "n", "title": "x", "mood": "good", "colour": "red"}], progress=progress)
    assert "rows: 1 column is read by nothing: mood" in capsys.readouterr().err


def test_new_entities_of_other_types_alone_are_no_question(run, tmp_path):
    (tmp_path / "makers.csv").write_text("id\nzeta\n")
    with pytest.raises(MMGraphError, match="got new entities of other types than 'product'"):
        Predictor(run).predict(tmp_path)
    with pytest.raises(MMGraphError, match="there is no such file or folder"):
        Predictor(run).predict(tmp_path / "none.csv")


@pytest.mark.parametrize("turned", [False, True])
def test_types_without_features_are_told_apart_by_their_degrees(make_run, shop_folder, tmp_path, turned):
    """A new maker has the degrees that it would have if it had been there, at whichever end it is."""
    ends = ("maker", "product", "target", "source") if turned else ("product", "maker", "source", "target")
    relation = mg.Table(table="made_by.csv", **dict(zip(END_KEYS, ends, strict=True)))
    graph = build_graph(shop_folder, relations=["bought_with", ("made", relation)], cache=False)
    run = make_run("hetero_sage", graph=graph)
    ids, vectors = run.embed("maker")
    (tmp_path / "makers.csv").write_text("id\nzeta\n")
    rows = (shop_folder / "made_by.csv").read_text()
    (tmp_path / "made_by.csv").write_text(rows.replace("bolt", "zeta"))
    found = Predictor(run).embed(tmp_path, entity="maker").vectors
    np.testing.assert_allclose(found[0], vectors[ids.tolist().index("bolt")], atol=1e-5)


def test_types_with_learned_vectors_take_no_new_entities(make_run, tmp_path):
    (tmp_path / "makers.csv").write_text("id\nzeta\n")
    predictor = Predictor(make_run("hetero_gat", "model.featureless=learned"))
    with pytest.raises(MMGraphError, match="whose known ones have a learned vector each"):
        predictor.embed(tmp_path, entity="maker")
    assert len(predictor.predict([{"sku": "n", "title": "warm"}])) == 1


def test_new_entities_that_a_model_makes_nothing_finite_of_are_named(make_run, shop_folder, monkeypatch):
    encoded = NodeFactory.encoded

    def spoilt(factory, name):
        result = encoded(factory, name)
        if name == "product/facts":
            result.features[1, 0] = np.nan
        return result

    monkeypatch.setattr(NodeFactory, "encoded", spoilt)
    message = (
        r"the unified representation is not finite for 1 of 3 entities of the type 'product', 'new-p2': the "
        r"features of 'product/facts' are not finite in 1 of 3 nodes, first that of 'new-p2'\. Mend them"
    )
    with pytest.raises(DivergedError, match=message):
        Predictor(make_run("mlp")).predict(rows_of(shop_folder, ["p1", "p2", "p6"]), folder=shop_folder)


def test_an_output_that_is_not_finite_is_no_prediction(make_run, shop_folder, monkeypatch):
    run = make_run("mlp")
    monkeypatch.setattr(run.module.head.bias, "data", torch.full_like(run.module.head.bias, torch.inf))
    with pytest.raises(
        DivergedError,
        match=r"the output is not finite for 2 of 2 entities of the type 'product', 'new-p1', 'new-p2': "
        r"their unified representations are finite, and go up to \d",
    ):
        Predictor(run).predict(rows_of(shop_folder, ["p1", "p2"]), folder=shop_folder)


def test_memory_that_runs_out_is_told_with_what_helps(make_run, shop_folder, monkeypatch):
    rows = rows_of(shop_folder, ["p1", "p2"])

    def allocate(*_):
        torch.empty(1 << 60)

    predictor, whole = Predictor(make_run()), Predictor(make_run("han"))
    with monkeypatch.context() as patch:
        patch.setattr("mmgraph.serving.hearing.Hearing.unify", allocate)
        with pytest.raises(
            RunError, match=r"ran out while new entities were encoded, .*\. Give fewer at a time\.$"
        ):
            predictor.embed(rows, folder=shop_folder)
    monkeypatch.setattr("mmgraph.models.MultimodalModel.forward", allocate)
    with pytest.raises(
        RunError, match=r"the whole graph passed the model at once.* Set eval_batch_size to 4096"
    ):
        Predictor(make_run()).embed(rows, folder=shop_folder)
    # With the whole graph for each question there is no part to take.
    with pytest.raises(RunError, match=r"It cannot be passed in parts, since "):
        whole.embed(rows, folder=shop_folder)


def test_known_entities_are_passed_in_parts_where_that_is_asked_for(make_run, shop_folder, monkeypatch):
    run, rows = make_run(), rows_of(shop_folder, ["p1", "p2"])
    wanted = Predictor(run).embed(rows, folder=shop_folder).vectors
    monkeypatch.setattr("mmgraph.models.MultimodalModel.forward", None)
    parts = mg.load_run(run.folder, eval_batch_size=5)
    np.testing.assert_allclose(Predictor(parts).embed(rows, folder=shop_folder).vectors, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"sku": "x", "title": "warm"}, "wanted a table, or a list of mappings"),
        (["x"], "wanted a table, or a list of mappings"),
        (pd.DataFrame([["x", "a", "b"]], columns=["sku", "title", "title"]), "two columns 'title'"),
        ([{"title": "warm"}], r"has no such column\. There are: title"),
    ],
)
def test_what_are_no_rows_is_told(run, rows, said):
    with pytest.raises(MMGraphError, match=said):
        mg.predict(run, rows)
