"""The verdict says no as readily as yes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.verdict import document, judge

Make = Callable[..., Comparison]


@pytest.mark.parametrize(
    ("values", "answer", "words"),
    [
        ({"mlp": [0.70, 0.72], "hetero_gat": [0.90, 0.92]}, "yes", "ahead of mlp by more than the spread"),
        ({"mlp": [0.89, 0.92], "hetero_gat": [0.90, 0.93]}, "no", "within the spread"),
        ({"mlp": [0.90, 0.92], "hetero_gat": [0.70, 0.72]}, "no", "behind mlp by more than the spread"),
        (
            {"mlp": [0.7, 0.72], "co_attention": [0.9, 0.92], "hetero_gat": [0.9, 0.91]},
            "partly",
            "Against co_attention",
        ),
        ({"mlp": [0.8, 0.8], "hetero_gat": [0.8, 0.8]}, "no", "within the spread"),
        ({"mlp": [0.7], "hetero_gat": [0.9]}, "open", "run more seeds"),
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


def test_document_holds_the_verdict(make_comparison: Make) -> None:
    found = document(make_comparison({"mlp": [0.7, 0.72], "hetero_gat": [0.9, 0.92]}))
    assert found["verdict"]["answer"] == "yes"
    assert found["results"][1]["metrics"]["accuracy"]["values"] == [0.9, 0.92]
