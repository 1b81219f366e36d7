"""Tables for a paper."""

from __future__ import annotations

from collections.abc import Callable

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.contrasts import interval, over_entities
from mmgraph.evaluation.paper_tables import Cell, PaperTable, contrasts_table, results_tables

Make = Callable[..., Comparison]

TABLE = PaperTable("T", "50 % of a_b", ("model", "x & y"), ((Cell("a|b_c"), Cell("0.5 ± 0.1", bold=True)),))


def test_latex_has_no_mark_that_means_something_else() -> None:
    text = TABLE.as_latex(label="t")
    assert r"a|b\_c & \textbf{0.5 $\pm$ 0.1} \\" in text
    assert r"\caption{50 \% of a\_b}" in text
    assert r"model & x \& y \\" in text
    assert r"\label{tab:t}" in text


def test_markdown_keeps_its_columns() -> None:
    lines = TABLE.as_markdown().splitlines()
    assert lines[:3] == ["| model | x & y |", "| --- | ---: |", r"| a\|b\_c | **0.5 ± 0.1** |"]


def test_hostile_names_are_no_markup() -> None:
    table = PaperTable("T", "", ("<b>", "y"), ((Cell("<script>"), Cell("\\input{x}")),))
    assert r"\<script\>" in table.as_markdown()
    assert r"\textbackslash{}input\{x\}" in table.as_latex(label="t")


def test_results_and_differences_are_those_of_the_comparison(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7, 0.72, 0.74], "hetero_gat": [0.9, 0.93, 0.95]})
    (table,) = results_tables(comparison)
    mlp, gat = table.rows
    reach = interval(comparison, "mlp", "accuracy")
    assert reach is not None
    assert [cell.text for cell in mlp] == [
        "mlp",
        "3",
        f"{reach.low:.3f} to {reach.high:.3f}",
        "0.720 ± 0.020",
    ]
    assert [cell.bold for cell in gat] == [False, False, False, True]
    found = contrasts_table(comparison)
    assert found is not None
    assert found.rows[0][1] == Cell("+0.207", bold=True)


def test_one_training_makes_no_differences(make_comparison: Make) -> None:
    assert contrasts_table(make_comparison({"mlp": [0.7], "hetero_gat": [0.9]})) is None


def test_a_run_has_the_interval_that_other_test_entities_would_move_it_in(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7]})
    (table,) = results_tables(comparison)
    reach = over_entities(comparison.trials[0], "accuracy")
    assert reach is not None
    assert table.rows[0][2].text == f"{reach.low:.3f} to {reach.high:.3f}"
    assert "as far as other test entities would move it" in table.caption
