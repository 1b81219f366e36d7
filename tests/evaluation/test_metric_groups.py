"""Metrics that stand together."""

from __future__ import annotations

from mmgraph.evaluation.metric_groups import metric_groups

LINKS = ("mrr", "hits@1", "hits@3", "hits@10", "recall@10", "ndcg@10", "auroc", "average_precision")
COLD = ("cold_start_mrr", "cold_start_hits@10")


def test_a_few_stand_together() -> None:
    (group,) = metric_groups(["accuracy", "balanced_accuracy", "f1_score"])
    assert (group.title, group.headings) == ("", ("accuracy", "balanced accuracy", "f1 score"))
    assert group.metrics == ("accuracy", "balanced_accuracy", "f1_score")


def test_many_stand_by_what_they_share_and_none_is_lost() -> None:
    first, further, cold = metric_groups([*LINKS, *COLD])
    assert (first.title, first.metrics) == ("", ("mrr",))
    assert (further.title, further.metrics) == ("further metrics", LINKS[1:])
    assert (cold.title, cold.metrics, cold.headings) == ("cold start", COLD, ("mrr", "hits@10"))


def test_several_tasks_stand_apart() -> None:
    names = [
        f"{task}/{name}" for task in ("digit", "of_whom") for name in ("accuracy", "f1_score", "auroc", "x")
    ]
    titles = [(group.title, group.headings) for group in metric_groups(names)]
    assert titles == [
        ("", ("digit/accuracy",)),
        ("digit", ("f1 score", "auroc", "x")),
        ("of whom", ("accuracy", "f1 score", "auroc", "x")),
    ]


def test_no_table_has_more_than_ten_columns() -> None:
    groups = metric_groups([f"hits@{k}" for k in range(25)])
    assert [len(group.metrics) for group in groups] == [1, 8, 8, 8]


def test_what_is_too_much_for_one_table_is_dealt_out_evenly():
    names = [f"metric{number}" for number in range(11)]
    assert [len(group.metrics) for group in metric_groups(names)] == [1, 5, 5]
