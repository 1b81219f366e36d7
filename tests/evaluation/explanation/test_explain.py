"""Whatever was planted to carry the answer wins: a modality, a relation, a neighbour, a feature."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.evaluation.explanation.explain import explain
from mmgraph.evaluation.explanation.overall import explain_all
from mmgraph.evaluation.explanation.page import explanation_page
from mmgraph.evaluation.explanation.players import kept_without, modalities_and_relations
from mmgraph.evaluation.explanation.pyg_explainer import explain_by_pyg
from mmgraph.evaluation.explanation.question import Question, checked_task
from mmgraph.training import train


def right(run, count: int = 3) -> list[str]:
    """Return the ids of some test entities that are answered rightly, and not for want of anything else."""
    table = run.predictions()
    table = table[(table["split"] == "test") & (table["target"] == table["prediction"])]
    found = [entity for entity in table["id"] if without_anything(run, entity) < 0]
    assert len(found) >= count
    return found[:count]


def without_anything(run, entity: str) -> float:
    question = Question.of(run, checked_task(run), int(entity[1:]))
    players = modalities_and_relations(question.around, question.number)
    return question.ask(kept_without(players, range(len(players))))


def added(found) -> dict[str, float]:
    return dict(zip(found.parts["name"], found.parts["added"], strict=True))


@pytest.mark.parametrize("carrier", ["picture", "name", "like"])
def test_what_carries_the_answer_wins(planted_run, carrier):
    run = planted_run(carrier)
    kind = "relation" if carrier == "like" else "modality"
    needed = []
    for entity in right(run):
        found = explain(run, entity)
        assert found.exact
        assert set(found.parts["name"]) == {"picture", "name", "like", "other"}
        assert found.parts["name"].iloc[0] == carrier
        # What was added makes up the whole difference.
        assert sum(added(found).values()) == pytest.approx(found.value - found.nothing, abs=1e-9)
        assert (kind, carrier) in found.fidelity.important
        assert abs(found.fidelity.sufficiency) < 0.1
        needed.append(found.fidelity.necessity)
    assert np.mean(needed) > 0.5


def test_the_neighbour_that_carries_the_answer_wins(planted_run):
    run = planted_run("like")
    for chosen in right(run):
        found = explain(run, chosen)
        told_by = f"m{(int(chosen[1:]) - 7) % 120}"
        assert found.neighbours["id"].iloc[0] == told_by
        assert "like" in found.neighbours["relations"].iloc[0]
        assert found.neighbours["added"].iloc[0] > 2 * found.neighbours["added"].iloc[1:].abs().max()
        assert ("neighbour", told_by) in found.fidelity_of_neighbours.important
        # What the neighbour's picture holds is a feature of another entity.
        totals = found.features.set_index(["modality", "whose"])["added"]
        assert totals.abs().idxmax() == ("picture", "others")


def test_the_features_that_carry_the_answer_win(planted_run):
    run = planted_run("picture")
    for entity in right(run):
        found = explain(run, entity)
        strongest = found.strongest_features(2)
        # The first two of the picture's four features have all of it.
        assert set(strongest.loc[strongest["modality"] == "picture", "feature"]) == {0, 1}
        totals = found.features.set_index(["modality", "whose"])["added"]
        assert totals.abs().idxmax() == ("picture", "own")
        assert abs(found.gap) < 0.05 * abs(found.value)


def test_the_value_is_what_the_run_says(planted_run):
    run = planted_run("like")
    table = run.predictions().set_index("id")
    for entity in ("m4", "m9"):
        found = explain(run, entity)
        assert found.plain[0] == pytest.approx(max(table.loc[entity, "probabilities"]), abs=1e-6)
        assert found.plain[0] == pytest.approx(1 / (1 + np.exp(-found.value)))
        assert found.prediction == table.loc[entity, "prediction"]
        other = next(name for name in run.task.classes if name != found.prediction)
        assert explain(run, entity, answer=other).value == pytest.approx(-found.value)


@pytest.mark.parametrize("model", ["han", "cross_modal_transformer"])
@pytest.mark.parametrize("missing", ["absent", "token"])
def test_neighbourhoods_hold_all_that_models_see(graph, model, missing):
    overrides = ["max_epochs=2", "device=cpu", "model.hidden_channels=8", f"model.missing={missing}"]
    run = train(graph, task="script", model=model, overrides=overrides, seed=0)
    table = run.predictions()
    for row in (0, 7, 45):
        question = Question.of(run, checked_task(run), row, "thai")
        assert question.plain(question.ask()) == pytest.approx(
            table["probabilities"][row][run.task.classes.index("thai")], abs=1e-6
        )


def test_a_neighbourhood_is_no_larger_than_it_has_to_be(planted_run):
    run = planted_run("like")
    question = Question.of(run, checked_task(run), 50)
    assert len(question.around.nodes["mark"]) < 30
    assert question.around.nodes["mark"][question.around.place] == 50


def test_attention_is_that_of_the_entity(graph):
    overrides = ["max_epochs=2", "device=cpu", "model.hidden_channels=8"]
    run = train(graph, task="script", model="cross_modal_transformer", overrides=overrides, seed=0)
    found = explain(run, "m1")
    assert len(found.attention)
    sums = found.attention.groupby(["layer", "step", "looks"])["weight"].sum()
    assert sums.to_numpy() == pytest.approx(1, abs=1e-5)
    assert "m0" not in found.neighbours["id"].tolist()
    # It has a picture, which number 0 lacks.
    assert {"mark/picture", "mark/name"} <= set(found.attention["at"])
    assert "mark/picture" not in set(explain(run, "m0").attention["at"])


def test_what_brings_a_number_to_where_it_is_counts_whichever_way_that_is(graph):
    run = train(graph, task="size", model="mlp", overrides=["max_epochs=20", "device=cpu"], seed=0)
    ids = run.predictions().query("split == 'test'")["id"].tolist()
    explained = [explain(run, entity) for entity in ids]
    assert {found.value < found.nothing for found in explained} == {False, True}
    for found in explained:
        way = 1 if found.value >= found.nothing else -1
        towards = {
            (kind, name)
            for kind, name, moved in zip(
                found.parts["kind"], found.parts["name"], found.parts["added"], strict=True
            )
            if way * moved > 0
        }
        assert set(found.fidelity.important) <= towards
        assert found.fidelity.important
        assert found.fidelity.necessity >= 0
        assert found.fidelity.changes[0].startswith("the number changes by ")
    whole = explain_all(run)
    assert whole.measured
    assert whole.necessity > whole.sufficiency >= 0


def test_a_regression_is_explained_in_its_own_unit(graph):
    run = train(graph, task="size", model="mlp", overrides=["max_epochs=20", "device=cpu"], seed=0)
    found = explain(run, "m4")
    assert found.asked == "size"
    assert found.value == pytest.approx(run.predictions().set_index("id").loc["m4", "prediction"], abs=1e-5)
    assert sum(added(found).values()) == pytest.approx(found.value - found.nothing, abs=1e-9)
    json.dumps(found.to_json(), allow_nan=False)
    with pytest.raises(ConfigError, match="--class: got 'thai', but the task 'size' is a regression"):
        explain(run, "m4", answer="thai")


@pytest.mark.parametrize("carrier", ["name", "like"])
def test_what_carries_a_task_wins(planted_run, carrier):
    found = explain_all(planted_run(carrier), sample=8)
    assert (found.entities, found.of) == (8, 24)
    assert found.parts["name"].iloc[0] == carrier
    first, rest = found.parts["added"].iloc[0], found.parts["added"].iloc[1:]
    assert first > 3 * rest.abs().max()
    assert first > 4 * found.parts["error"].iloc[0]
    assert found.necessity > 0.2 > found.sufficiency


def test_a_class_is_explained_by_its_own_entities(planted_run):
    run = planted_run("name")
    found = explain_all(run, answer="left", split="validation", sample=6)
    table = run.predictions()
    assert found.of == int(((table["split"] == "validation") & (table["target"] == "left")).sum())
    assert found.asked == "log-odds of left"
    json.dumps(found.to_json(), allow_nan=False)


def test_the_same_seed_explains_the_same(planted_run):
    one, other = (explain(planted_run("like"), "m9") for _ in range(2))
    assert one.to_json() == other.to_json()


def test_a_page_is_safe_and_shows_pictures_and_texts(planted_run):
    run = planted_run("like")
    page = explanation_page(explain(run, "m9"), run)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/png;base64,") > 3
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    assert "Shapley values" in page
    assert "<svg" in page


@pytest.fixture(scope="session")
def unsure_run(make_planted):
    """Return a run that is not so sure that masks would make no difference."""
    overrides = (
        *("model.hidden_channels=16", "model.num_layers=1", "model.dropout=0", "model.input_dropout=0"),
        *("optimiser.lr=0.01", "max_epochs=6", "device=cpu"),
    )
    return train(make_planted("picture"), task="side", model="hetero_gat", overrides=overrides, seed=0)


def own_masks(run, explainer: str) -> pd.Series:
    """Return the mean masks of own modalities over some entities."""
    masks = pd.concat([explain_by_pyg(Question.of(run, checked_task(run), row), explainer) for row in (4, 9)])
    assert set(masks["whose"]) == {"own", "others"}
    return masks[masks["whose"] == "own"].groupby("modality")["mean"].mean()


def test_gnn_explainer_finds_the_modality(unsure_run):
    own = own_masks(unsure_run, "gnn_explainer")
    assert own["picture"] > own["name"]


def test_captum_agrees_that_the_modality_counts(unsure_run):
    pytest.importorskip("captum")
    own = own_masks(unsure_run, "captum")
    assert own["picture"] > 2 * own["name"]


@pytest.mark.parametrize(
    ("entity", "options", "kind", "message"),
    [
        ("m999", {}, GraphError, "--entity: there is no mark with the id 'm999'"),
        ("m1", {"answer": "lft"}, ConfigError, "--class: there is no class 'lft'. Did you mean 'left'"),
        ("m1", {"explainer": "gnn"}, ConfigError, "--explainer: there is no explainer 'gnn'"),
        ("m1", {"orders": 2}, ConfigError, "--orders: got 2; wanted at least 4"),
    ],
)
def test_what_cannot_be_explained_is_refused(planted_run, entity, options, kind, message):
    with pytest.raises(kind, match=message):
        explain(planted_run("name"), entity, **options)


def test_what_cannot_be_explained_overall_is_refused(planted_run):
    with pytest.raises(ConfigError, match="--class: there is no class 'lft'"):
        explain_all(planted_run("name"), answer="lft")
    with pytest.raises(ConfigError, match="--sample: got 1; wanted at least 2"):
        explain_all(planted_run("name"), sample=1)


def test_explaining_leaves_the_model_as_it_was(graph):
    overrides = ["max_epochs=2", "device=cpu", "model.hidden_channels=8", "model.dropout=0.5"]
    run = train(graph, task="script", model="hetero_gat", overrides=overrides, seed=0)
    before = {name: value.clone() for name, value in run.module.state_dict().items()}
    masked, plain = (explain(run, "m3", explainer=name) for name in ("gnn_explainer", None))
    assert not any(part.training for part in run.module.model.modules())
    # An explainer that left dropout on would make other numbers of all the rest.
    assert {**masked.to_json(), "masks": []} == plain.to_json()
    for name, value in run.module.state_dict().items():
        assert torch.equal(value, before[name])
    assert np.isfinite(run.evaluate("test")["accuracy"])


def test_the_picture_of_the_subgraph_is_well_formed(planted_run):
    run = planted_run("like")
    found = explain(run, "m9")
    page = explanation_page(found, run)
    drawn = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    assert len(drawn.findall("line")) == len(found.neighbours)
    widths = [float(line.get("stroke-width")) for line in drawn.findall("line")]
    # The neighbour that carries the answer stands first, and has the thickest line.
    assert widths[0] == max(widths) == 8
    assert len(drawn.findall("image")) == len(found.neighbours) + 1
