"""What was planted to carry links, a retrieval and a matching wins, and numbers are those of the run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import mmgraph as mg
from mmgraph.errors import ConfigError, GraphError
from mmgraph.evaluation.explanation.explain import explain
from mmgraph.evaluation.explanation.overall import explain_all
from mmgraph.evaluation.explanation.page import explanation_page
from mmgraph.evaluation.explanation.pairs_of import pairs_of
from mmgraph.evaluation.explanation.players import kept_without, modalities_and_relations
from mmgraph.tasks.link_ranking import RankedLinks
from mmgraph.training import train

SHORT = ("model.hidden_channels=8", "max_epochs=2", "device=cpu")


def check_sums(found) -> None:
    """Make sure that what was added makes up the whole difference, at both ends."""
    for side in found.sides:
        assert side.exact
        assert side.parts["added"].sum() == pytest.approx(side.value - side.nothing, abs=1e-9)
        assert side.value == pytest.approx(found.value, abs=1e-4)
    json.dumps(found.to_json(), allow_nan=False)


def first(found) -> str:
    return found.parts["name"].iloc[0]


def test_the_relation_that_carries_a_link_wins(seller):
    # Of others, what their club says is what is wrong with them.
    links, rows = seller.task.links, seller.task.rows("test")
    ranks = RankedLinks.of(seller.task.output(seller.module.head, seller.unify, rows)).ranking(
        links.source[rows]
    )
    chosen = rows[ranks.ranks == 1][:2].tolist()
    for row in chosen:
        source, target = int(links.source[row]), int(links.target[row])
        found = explain(seller, f"r{source}", answer=f"b{target}", orders=4)
        assert (found.role, found.id, found.other.role, found.other.id) == (
            *("source", f"r{source}"),
            *("target", f"b{target}"),
        )
        check_sums(found)
        assert set(found.parts["name"]) == {"note", "member", "heard"}
        assert (first(found), first(found.other)) == ("member", "cover")
        assert ("relation", "member") in found.fidelity.important
        # The rank without it, and without what tells nothing.
        without = found.parts.set_index("name")["rank"]
        assert without["member"] > found.pair.rank + 1
        # The club whose badge says it, and that what it says is a feature of another entity.
        assert "member" in found.neighbours["relations"].iloc[0]
        totals = found.features.set_index(["modality", "whose"])["added"]
        assert totals.abs().idxmax() == ("club/badge", "others")
    assert len(chosen) == 2


def test_what_carries_all_links_wins(seller):
    found = explain_all(seller, sample=10)
    assert (found.role, found.other.role, found.entities) == ("source", "target", 10)
    assert (first(found), first(found.other)) == ("member", "cover")
    added, error = found.parts["added"], found.parts["error"]
    assert added.iloc[0] > 3 * added.iloc[1:].abs().max()
    assert added.iloc[0] > 3 * error.iloc[0]
    assert found.necessity > 0.2 > found.sufficiency
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["other"]["role"] == "target"


def test_a_link_is_scored_and_ranked_as_the_run_does(seller):
    links, task = seller.task.links, seller.task
    best = seller.predictions()
    rows = task.rows("test")
    output = RankedLinks.of(task.output(seller.module.head, seller.unify, rows))
    ranks = output.ranking(links.source[rows]).ranks
    pairs = pairs_of(seller)
    for place, row in enumerate(rows.tolist()):
        pair = pairs.found(int(links.source[row]), int(links.target[row]))
        assert pair.score == pytest.approx(float(output.score[place]), abs=1e-5)
        assert pair.rank == float(ranks[place])
        assert pair.candidates == int(output.num_candidates[place])
        assert pair.target == "a test link"
    found = explain(seller, "r5", orders=4)
    usual = best[best["source"] == "r5"].iloc[0]
    assert (found.pair.ends[1].id, usual["rank"]) == (usual["target"], 1)
    assert found.pair.score == pytest.approx(usual["score"], abs=1e-5)
    # The log-odds are those of a softmax over the targets that the source has no link to.
    known = links.known(torch.tensor([5]))[0]
    known[found.other.row] = False
    source, target = (torch.from_numpy(seller.embed(name)[1]) for name in ("reader", "book"))
    scores = seller.module.head.against_all(source[5:6], target)[0].masked_fill(known, -torch.inf)
    assert found.plain[0] == pytest.approx(float(scores.softmax(0)[found.other.row]), abs=1e-4)


@pytest.mark.parametrize("decoder", ["dot", "mlp"])
def test_paths_and_degrees_are_a_part_of_a_score(graph, decoder):
    overrides = (*SHORT, "links.structure=true", f"links.decoder={decoder}")
    run = train(graph, task="link:like", model="hetero_gat", overrides=overrides, seed=0)
    found = explain(run, "m1", answer="m7", orders=4)
    assert ("structure", "paths and degrees") in set(
        zip(found.parts["kind"], found.parts["name"], strict=True)
    )
    check_sums(found)
    table = run.task.structure_from(torch.tensor([1]))
    said = float((table @ run.module.head.structure.detach())[0, 7])
    # All that a target is known by is its state and this.
    alone = found.other.parts.set_index("name")["alone"]
    assert alone["paths and degrees"] == pytest.approx(said, abs=1e-4)


@pytest.mark.parametrize("model", ["hetero_gat", "han", "cross_modal_transformer"])
@pytest.mark.parametrize("missing", ["absent", "token"])
@pytest.mark.parametrize("task", ["link:like", "retrieval:picture,name"])
def test_neighbourhoods_of_pairs_hold_all_that_models_see(graph, task, model, missing):
    run = train(graph, task=task, model=model, overrides=(*SHORT, f"model.missing={missing}"), seed=0)
    pairs = pairs_of(run)
    of = {"train": 1, "validation": 2, "test": 3}
    for split, count in of.items() if task.startswith("retr") else [("test", 4)]:
        for row, _ in pairs.true(split)[:count]:
            other = pairs.usual(row)
            said = pairs.found(row, other)
            for question in pairs.questions(row, other):
                scores = question.number.scores(question.state(question.around.batch)).detach()
                assert float(scores[question.number.rivals.place]) == pytest.approx(said.score, abs=1e-4)
                assert question.ask() == pytest.approx(
                    float(question.number.rivals.log_odds(scores)), abs=1e-9
                )


@pytest.mark.parametrize("carrier", ["picture", "sound"])
@pytest.mark.parametrize("task", ["find", "match"])
def test_the_modality_that_carries_a_match_wins(thing_run, task, carrier):
    run = thing_run(task, carrier)
    for entity in ("t4", "t9"):
        found = explain(run, entity, answer=entity)
        assert (found.role, found.other.role) == ("picture", "name")
        check_sums(found)
        assert set(found.parts["name"]) == {"picture", "sound", "beside"}
        assert set(found.other.parts["name"]) == {"name", "beside"}
        assert (first(found), first(found.other)) == (carrier, "name")
        # What is noise counts little, though a model of seventy pairs reads some of it.
        assert found.parts["added"].iloc[0] > 1.5 * found.parts["added"].iloc[1:].max()
        assert ("modality", carrier) in found.fidelity.important
        # The first two of the four features have all of it, whether the closed form reads them or the model.
        for side, name in ((found, carrier), (found.other, "name")):
            each = np.abs(side.own_features[name])
            assert each[:2].sum() > 2 * each[2:].sum()
            assert abs(side.gap) < 0.05 * abs(side.value - side.nothing)
        assert "name" not in set(found.strongest_features()["modality"])
    overall = explain_all(run, sample=6)
    assert (first(overall), first(overall.other)) == (carrier, "name")
    assert overall.parts["added"].iloc[0] > 2 * overall.parts["error"].iloc[0]


def test_a_query_finds_its_answers_as_the_run_does(thing_run):
    run = thing_run("find", "picture")
    table = run.predictions().set_index("id")
    pairs = pairs_of(run)
    for row, _ in pairs.true("test"):
        own = table.loc[f"t{row}"]
        assert pairs.found(row, row).rank == own["rank"]
        assert f"t{pairs.usual(row)}" == own["prediction"]
    found = explain(run, "t9")
    assert (found.pair.ends[1].id, found.pair.rank, found.pair.candidates) == (
        table["prediction"]["t9"],
        1,
        24,
    )
    assert found.says.startswith("hetero_gat finds the name of")


def test_a_pair_is_matched_as_the_run_does(thing_run):
    run = thing_run("match", "picture")
    table = run.predictions()
    table = table[table["split"] == "test"]
    pairs = pairs_of(run)
    for asked in table.itertuples():
        pair = pairs.found(int(asked.id[1:]), int(asked.answer[1:]))
        assert pair.prediction == ("of one entity" if asked.prediction else "of two entities")
        assert 1 / (1 + np.exp(-pair.score)) == pytest.approx(asked.probability, abs=1e-6)
    wrong = table[~table["target"]].iloc[0]
    found = explain(run, wrong["id"], answer=wrong["answer"])
    assert found.plain[0] == pytest.approx(wrong["probability"], abs=1e-6)
    assert (found.pair.rank, found.pair.target) == (None, "of two entities")
    assert "rank" not in found.parts
    check_sums(found)


def test_nothing_known_of_a_query_leaves_chance_by_the_closed_form(thing_run):
    pairs = pairs_of(thing_run("find", "picture"))
    question = pairs.questions(4, 4)[0]
    players = modalities_and_relations(question.around, question.number)
    # Without what it reads as it is, the closed form is for no answer more than for another.
    number, state = question.number, question.state(question.around.batch)
    by_states = number.scores(state, ("content",)) - number.scores(state)
    assert by_states.detach().abs().max() > 1
    edges = kept_without(players, range(len(players)))
    assert question.ask(edges, ("content",)) == pytest.approx(-np.log(23), abs=0.5)


def test_explainers_of_pyg_take_pairs(thing_run, seller):
    for run, entity in ((thing_run("find", "sound"), "t4"), (seller, "r5")):
        found = explain(run, entity, explainer="gnn_explainer", orders=4)
        for side in found.sides:
            assert "own" in set(side.masks["whose"])
            assert np.isfinite(side.masks["mean"]).all()


def test_a_page_shows_both_ends(seller):
    found = explain(seller, "r5", orders=4)
    page = explanation_page(found, seller)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == sum(bool(len(side.neighbours)) for side in found.sides) == 2
    heading = f"Why {found.other.title} comes as 1 of {found.pair.candidates} for R 5"
    for part in ("The source", "The target", heading, "; rank "):
        assert part in page


@pytest.mark.parametrize(
    ("task", "entity", "answer", "message"),
    [
        ("find", "t999", None, "--entity: there is no thing with the id 't999'"),
        ("find", "t4", "t999", "--answer: there is no thing with the id 't999'"),
        ("find", "t4", "t3", "--answer: it is in another part of the split"),
        ("match", "t4", "t3", "--answer: it is in another part of the split"),
    ],
)
def test_pairs_that_are_not_asked_about_are_refused(thing_run, task, entity, answer, message):
    with pytest.raises(GraphError, match=message):
        explain(thing_run(task, "picture"), entity, answer=answer)


def test_what_is_no_pair_is_refused(graph, thing_run, make_things):
    run = train(graph, task="link:like", model="mlp", overrides=SHORT, seed=0)
    with pytest.raises(GraphError, match="--answer: it is the entity itself"):
        explain(run, "m1", answer="m1")
    with pytest.raises(
        ConfigError, match="--task: got 'script', but the run was trained on 'link:like' alone"
    ):
        explain(run, "m1", task="script")
    with pytest.raises(ConfigError, match="--answer: got 't4' and no entity"):
        explain_all(thing_run("find", "picture"), answer="t4")
    learnt = train(make_things("picture"), task="learn", model="mlp", overrides=SHORT, seed=0)
    with pytest.raises(ConfigError, match=r"is pretraining, which has no answers; .*--init-from RUN"):
        explain(learnt, "t4")
    with pytest.raises(ConfigError, match="has no answers"):
        explain_all(learnt)


def test_a_report_explains_pairs(thing_run, tmp_path):
    page = mg.report(thing_run("match", "picture"), tmp_path / "out", explain=["t4"]).read_text()
    assert "What answers rest on" in page
    assert "the picture of T 4 and the name of T 4 belong together" in page
