"""The verdict says no as readily as yes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.roles import Role
from mmgraph.evaluation.verdict import document, judge

Make = Callable[..., Comparison]


@pytest.mark.parametrize(
    ("values", "answer", "words"),
    [
        ({"mlp": [0.70, 0.72], "hetero_gat": [0.90, 0.92]}, "yes", "ahead of mlp by more than chance"),
        (
            {"mlp": [0.89, 0.92], "hetero_gat": [0.90, 0.93]},
            "not_shown",
            "the interval leaves room for a gain",
        ),
        ({"mlp": [0.90, 0.92], "hetero_gat": [0.70, 0.72]}, "no", "behind mlp by more than chance"),
        (
            {"mlp": [0.7, 0.72], "co_attention": [0.9, 0.92], "hetero_gat": [0.9, 0.91]},
            "partly",
            "Against co_attention",
        ),
        ({"mlp": [0.8, 0.8], "hetero_gat": [0.8, 0.8]}, "no", "leaves no room for a gain."),
        ({"mlp": [0.7], "hetero_gat": [0.9]}, "open", "run more seeds, or more splits"),
        ({"hetero_gat": [0.7, 0.8]}, "open", "fewer than two"),
    ],
)
def test_answers(make_comparison: Make, values: dict[str, list[float]], answer: str, words: str) -> None:
    verdict = judge(make_comparison(values))
    assert verdict.answer == answer
    assert words in " ".join(verdict.sentences)


def test_the_subject_is_hetero_gat_even_where_it_loses(make_comparison: Make) -> None:
    verdict = judge(make_comparison({"mlp": [0.9, 0.92], "hetero_gat": [0.7, 0.72], "ridge": [0.1]}))
    assert verdict.question.startswith("Does hetero_gat beat mlp and ridge")
    assert verdict.answer == "partly"


def test_the_best_is_the_subject_where_hetero_gat_is_absent(make_comparison: Make) -> None:
    assert "Does b beat a" in judge(make_comparison({"a": [0.1, 0.2], "b": [0.8, 0.9]})).question


def test_of_an_error_less_is_better(make_comparison: Make) -> None:
    values = {"mlp": [0.9, 0.8], "hetero_gat": [0.1, 0.2]}
    assert judge(make_comparison(values, metric="mean_absolute_error")).answer == "yes"


def test_a_rival_of_which_nothing_is_sure_is_no_rival_beaten(make_comparison: Make) -> None:
    values = {"mlp": [0.5, 0.51], "co_attention": [0.9], "hetero_gat": [0.8, 0.82]}
    verdict = judge(make_comparison(values))
    assert verdict.answer == "partly"
    assert "Nothing tells how sure the difference is from co_attention with accuracy 0.900" in " ".join(
        verdict.sentences
    )


def test_document_holds_the_verdict(make_comparison: Make) -> None:
    found = document(make_comparison({"mlp": [0.7, 0.72], "hetero_gat": [0.9, 0.92]}))
    assert found["verdict"]["answer"] == "yes"
    assert found["results"][1]["metrics"]["accuracy"]["values"] == [0.9, 0.92]


PLAIN, SHUFFLED, NOISE = Role("without_relations"), Role("shuffled"), Role("without_features")
TWIN, MIXED, BARE = "hetero_gat[edges=none]", "hetero_gat[edges=shuffled]", "hetero_gat[features=noise]"
LIKES, KNOWS = "hetero_gat[without.relations=likes]", "hetero_gat[without.relations=knows]"
SOUND, SIGHT = "hetero_gat[without.modalities=sound]", "hetero_gat[without.modalities=sight]"
ROLES = {
    "mlp": PLAIN,
    TWIN: PLAIN,
    MIXED: SHUFFLED,
    BARE: NOISE,
    LIKES: Role("relation", "likes"),
    KNOWS: Role("relation", "knows"),
    SOUND: Role("modality", "sound"),
    SIGHT: Role("modality", "sight"),
}


def _around(*means: float) -> list[list[float]]:
    """Return six values around each mean, which go up and down together but for a little."""
    rng = np.random.default_rng(0)
    shared = 0.03 * rng.normal(size=6)
    return [list(mean + shared + 0.004 * rng.normal(size=6)) for mean in means]


def test_says_what_the_graph_adds_and_what_carries_it(make_comparison: Make) -> None:
    names = ["mlp", "hetero_gat", TWIN, MIXED, BARE, LIKES, KNOWS, SOUND, SIGHT]
    values = dict(zip(names, _around(0.7, 0.8, 0.71, 0.66, 0.75, 0.72, 0.8, 0.8, 0.8), strict=True))
    verdict = judge(make_comparison(values, roles=ROLES, splits=True))
    text = " ".join(verdict.sentences)
    assert (verdict.question, verdict.answer) == ("Does the graph help hetero_gat?", "yes")
    assert "over 6 random splits with 1 seed each" in text
    assert re.search(r"The graph adds [89]\.\d points \(95% CI \d\.\d to \d+\.\d\) to the best entry", text)
    assert f"without it, {TWIN} with accuracy 0.7" in text
    assert "It matters which nodes are joined" in text
    assert "Relations alone, without features, reach accuracy 0.7" in text
    assert "`likes` carries most of it: without it, the subject loses" in text
    assert "`knows`" not in text
    assert "No single modality is missed" in text
    assert "Nadeau and Bengio" in text


def test_says_no_where_the_graph_adds_nothing(make_comparison: Make) -> None:
    names = ["mlp", "hetero_gat", TWIN, MIXED, BARE, LIKES, KNOWS]
    values = dict(zip(names, _around(0.8, 0.8, 0.8, 0.8, 0.3, 0.8, 0.8), strict=True))
    verdict = judge(make_comparison(values, roles=ROLES, splits=True))
    text = " ".join(verdict.sentences)
    assert verdict.answer == "no"
    assert "The graph adds nothing that can be told from chance to the best entry without it" in text
    assert "Which nodes are joined makes no difference that can be told from chance" in text
    assert "features add to that (p < 0.001)" in text
    assert re.search(
        r"against shuffled edges it is -?\d\.\d points \(95% CI [^)]*\) \(p = [01]\.\d+\)\.", text
    )
    assert "The interval leaves no room for a gain of more than 0." in text
    assert "No single relation is missed by more than chance when it is left out: the others hold" in text


def test_that_no_relation_is_missed_proves_little_where_the_intervals_are_wide(make_comparison: Make) -> None:
    values = {"mlp": [0.5, 0.7], "hetero_gat": [0.95, 0.8], LIKES: [0.55, 0.75], KNOWS: [0.9, 0.85]}
    text = " ".join(judge(make_comparison(values, roles=ROLES, splits=True)).sentences)
    assert "No single relation is missed by more than chance when it is left out, which proves little" in text
    assert "without `likes`, the subject loses 22.5 points (95% CI -" in text


@pytest.mark.parametrize(
    ("metric", "values", "answer"),
    [
        # The intervals end at gains of 0.9 and 4 points, and of 1.3% and 14% of the error of mlp.
        ("accuracy", {"mlp": [0.800, 0.802, 0.801], "hetero_gat": [0.803, 0.800, 0.801]}, "no"),
        ("accuracy", {"mlp": [0.80, 0.82, 0.81], "hetero_gat": [0.80, 0.83, 0.81]}, "not_shown"),
        ("mean_absolute_error", {"mlp": [5.00, 5.02, 5.01], "hetero_gat": [5.02, 4.99, 5.00]}, "no"),
        ("mean_absolute_error", {"mlp": [5.0, 5.2, 5.1], "hetero_gat": [5.2, 4.9, 4.8]}, "not_shown"),
    ],
)
def test_no_takes_an_interval_without_room_for_a_gain(
    make_comparison: Make, metric: str, values: dict[str, list[float]], answer: str
) -> None:
    verdict = judge(make_comparison(values, metric=metric))
    assert verdict.answer == answer
    text = " ".join(verdict.sentences)
    assert ("no proof that there is none" in text) == (answer == "not_shown")


def test_says_where_it_is_better_without(make_comparison: Make) -> None:
    names = ["mlp", "hetero_gat", TWIN]
    values = dict(zip(names, _around(0.9, 0.8, 0.7), strict=True))
    verdict = judge(make_comparison(values, roles=ROLES, splits=True))
    text = " ".join(verdict.sentences)
    assert verdict.answer == "partly"
    assert "Without the graph there is better: mlp." in text
    assert "the subject is worse by 1" in text
    assert f"It is better than {TWIN} alone." in text


@pytest.mark.parametrize(
    ("twin", "words"),
    [
        (0.795, "That is not shown to be the graph's doing: from the same model without it, no difference"),
        (0.9, "That is not the graph's doing: without it, the same model is better."),
    ],
)
def test_what_the_same_model_does_without_the_graph_is_not_laid_to_the_graph(
    make_comparison: Make, twin: float, words: str
) -> None:
    names = ["logistic_regression", "hetero_gat", TWIN]
    values = dict(zip(names, _around(0.5, 0.8, twin), strict=True))
    roles = {**ROLES, "logistic_regression": PLAIN}
    verdict = judge(make_comparison(values, roles=roles, splits=True))
    text = " ".join(verdict.sentences)
    assert verdict.answer == "no"
    assert f"It is better than logistic_regression alone. {words}" in text
    assert ("leaves no room for a gain of more than" in text) == (twin < 0.8)


def test_names_both_modalities_of_an_interaction(make_comparison: Make) -> None:
    names = ["mlp", "hetero_gat", SOUND, SIGHT]
    values = dict(zip(names, _around(0.5, 0.9, 0.5, 0.51), strict=True))
    text = " ".join(judge(make_comparison(values, roles=ROLES, splits=True)).sentences)
    assert "The modalities `sound` and `sight` are each missed" in text


def test_the_document_holds_intervals_and_contrasts(make_comparison: Make) -> None:
    values = dict(zip(["mlp", "hetero_gat"], _around(0.7, 0.8), strict=True))
    found = document(make_comparison(values, roles=ROLES, splits=True))
    assert found["subject"] == "hetero_gat"
    (contrast,) = found["contrasts"]
    assert contrast["role"] == "without_relations"
    assert contrast["interval"][0] < contrast["gain"] < contrast["interval"][1]
    assert found["results"][0]["interval"][0] < 0.7 < found["results"][0]["interval"][1]
    assert found["budget"]["mlp"] == {"parameters": 1000, "seconds": 12.0}
    json.dumps(found, allow_nan=False)


def test_says_that_relations_alone_tell_more_than_all_else(make_comparison: Make) -> None:
    names = ["mlp", "hetero_gat", TWIN, BARE]
    values = dict(zip(names, _around(0.6, 0.62, 0.6, 0.8), strict=True))
    verdict = judge(make_comparison(values, roles=ROLES, splits=True))
    text = " ".join(verdict.sentences)
    assert re.search(
        r"Relations alone, .*; 1\d\.\d points \(95% CI [^)]*\) more than both together \(p", text
    )
    assert re.search(
        r"That is (19|2\d)\.\d points \([^)]*\) more than the best entry without relations, ", text
    )
    assert "relations tell more than features here, and the subject does not make use of it." in text
    # Where that may be chance, it is said to be.
    scattered = {"mlp": [0.5, 0.7], "hetero_gat": [0.5, 0.68], BARE: [0.5, 0.78]}
    text = " ".join(judge(make_comparison(scattered, roles=ROLES, splits=True)).sentences)
    assert re.search(r"more than both together, which cannot be told from chance \(p = ", text)
    assert "make use" not in text
