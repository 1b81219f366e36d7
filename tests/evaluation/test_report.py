"""The report page: self-contained, escaped, complete."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mmgraph.evaluation.comparison import Comparison, Failure
from mmgraph.evaluation.contrasts import contrasts, interval
from mmgraph.evaluation.page_options import PageOptions
from mmgraph.evaluation.report import render_report
from mmgraph.evaluation.report_slices import Slicing
from mmgraph.evaluation.roles import Role
from mmgraph.graph.graph import Graph

Make = Callable[..., Comparison]
VOID = {"meta", "img", "wbr", "input"}


class Page(HTMLParser):
    """Checks that elements nest, and collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data


@pytest.fixture(scope="module")
def html(graph: Graph, make_comparison: Make) -> str:
    """Return the page of a comparison on the hostile graph."""
    comparison = make_comparison({"mlp": [0.7, 0.72], "hetero_gat": [0.9, 0.92]})
    return render_report(comparison, graph, slices=Slicing().slices(comparison, graph))


def test_hostile_text_is_escaped(html: str) -> None:
    page = Page(html)
    assert [attributes for tag, attributes in page.seen if tag == "script"] == [{}]
    assert "<script>alert('x')</script>" in page.text
    assert not any(name.startswith("on") for _, attributes in page.seen for name in attributes)


def test_only_its_own_script_may_run(html: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert policy is not None
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1].replace("&#39;", "'")
    assert policy[1].startswith("default-src 'none'")


def test_nothing_comes_from_elsewhere(html: str) -> None:
    page = Page(html)
    sources = [attributes["src"] for _, attributes in page.seen if "src" in attributes]
    assert sources
    assert all(str(source).startswith("data:image/png;base64,") for source in sources)
    links = [str(attributes["href"]) for _, attributes in page.seen if "href" in attributes]
    assert all(link.startswith("#") for link in links)
    assert not {"link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.seen}
    assert "url(" not in html
    assert "@import" not in html
    assert "://" not in re.sub(r"data:[^\"]*", "", html)


def test_anchors_lead_somewhere_and_pictures_have_words(html: str) -> None:
    page = Page(html)
    ids = {attributes["id"] for _, attributes in page.seen if "id" in attributes}
    for tag, attributes in page.seen:
        if tag == "a":
            assert str(attributes["href"]).removeprefix("#") in ids
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]


def test_says_what_was_found(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "Does hetero_gat beat mlp? Yes" in text
    assert "0.910 ± 0.014" in text
    assert "of 30 test entities are wrong" in text
    assert "mmgraph compare graph --task script --models mlp,hetero_gat --controls none --seeds 2" in text
    assert "picture 20.0%" not in text
    assert "no picture" in text
    assert "fingerprint 00000000" in text
    assert "torch" in text


def test_seeds_of_ones_own_are_repeated_in_python(graph: Graph, make_comparison: Make) -> None:
    comparison = replace(make_comparison({"mlp": [0.7, 0.72], "hetero_gat": [0.9, 0.92]}), seeds=(7, 11))
    text = Page(render_report(comparison, graph)).text
    assert "python -c" in text
    assert "[7, 11]" in text
    assert "--seeds" not in text


def test_what_the_page_shows_is_in_the_command_that_repeats_it(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7, 0.72], "hetero_gat": [0.9, 0.92]})
    options = PageOptions(Slicing(("script", "size"), "more.csv"), ("m1", "m 2"), "mlp", "umap")
    text = Page(render_report(comparison, graph, options=options)).text
    assert (
        "--group script --group size --table more.csv --explain m1 --explain 'm 2' --show mlp --map umap "
        "--out comparison"
    ) in text
    assert "--group" not in Page(render_report(comparison, graph)).text


def test_tells_the_luck_of_the_draw(html: str) -> None:
    assert "an accuracy of 0.910 by about 0.052" in " ".join(Page(html).text.split())


def test_every_cell_of_the_confusion_leads_to_its_entities(html: str) -> None:
    page = Page(html)
    cells = {str(a["href"]) for tag, a in page.seen if tag == "a" and str(a["href"]).startswith("#cell-")}
    behind = {f"#{a['id']}" for tag, a in page.seen if a.get("class") == "behind"}
    assert cells == behind
    # All is said to be latin: three classes, three cells.
    assert len(cells) == 3
    assert "greek taken for latin: 10 entities, 6 of them" in page.text


def test_tells_classes_and_slices(html: str) -> None:
    text = " ".join(Page(html).text.split())
    # A third is latin, and all are told to be.
    assert "latin 10 0.333 1.000 0.500" in re.sub(r"(?<=[a-z0-9])(?=0\.|1\.|10)", " ", text)
    assert "By what is missing" in text
    assert "no picture" in text
    # Every mark has as many edges as any other.
    assert "By the number of edges" not in text


def test_stays_small(html: str) -> None:
    assert len(html.encode()) < 200_000


def test_failures_are_told(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7], "hetero_gat": [0.9]})
    without = tuple(trial for trial in comparison.trials if trial.entry == "mlp")
    failed = replace(
        comparison, trials=without, failures=(Failure("hetero_gat", 0, ValueError("<b>boom</b>")),)
    )
    text = " ".join(Page(render_report(failed, graph)).text.split())
    assert "hetero_gat, seed 0: ValueError: <b>boom</b>" in text
    assert "hetero_gat0failed" in text.replace(" ", "")


def test_regression_has_a_scatter(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7], "ridge": [0.9]}, metric="r2_score")
    table = graph.nodes["mark"]
    predictions = comparison.trials[0].predictions.assign(
        target=table["target:size"], prediction=table["target:size"] + 0.5
    )
    trials = tuple(replace(trial, predictions=predictions) for trial in comparison.trials)
    regression = replace(comparison, task="size", spec=graph.tasks["size"], trials=trials)
    page = Page(render_report(regression, graph))
    assert "half of the errors are below 0.5" in page.text
    assert any(attributes.get("class") == "scatter" for _, attributes in page.seen)
    assert "Confusion" not in page.text


def test_shows_intervals_differences_and_budget(graph: Graph, make_comparison: Make) -> None:
    twin = "hetero_gat[edges=none]"
    roles = {"mlp": Role("without_relations"), twin: Role("without_relations")}
    values = {"mlp": [0.7, 0.72, 0.74], "hetero_gat": [0.9, 0.93, 0.95], twin: [0.71, 0.72, 0.76]}
    comparison = make_comparison(values, roles=roles, splits=True)
    text = " ".join(Page(render_report(comparison, graph)).text.split())
    assert "Does the graph help hetero_gat? Yes" in text
    assert "accuracy, 95% CI" in text
    own, against = interval(comparison, "mlp", "accuracy"), contrasts(comparison, "hetero_gat")[0].gain
    assert own is not None
    assert f"mlp3{own.low:.3f} to {own.high:.3f}" in text.replace(" ", "").replace("to", " to ")
    assert f"{against.low:+.3f} to {against.high:+.3f}" in text
    assert "By how much hetero_gat is better" in text
    assert "no relations" in text
    assert "1,0006.0s" in text.replace(" ", "")
    assert "the same 3 random splits" in text
    assert "--splits 3 --dataset marks" in text
