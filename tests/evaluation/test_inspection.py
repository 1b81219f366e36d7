"""The page of ``mmgraph inspect``: self-contained, escaped, complete."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mmgraph.evaluation.inspection import inspection_page
from mmgraph.graph.graph import Graph

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"
VOID = {"meta", "line"}


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
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture(scope="module")
def html(graph: Graph) -> str:
    """Return the page of a graph whose name, warning and task are hostile."""
    manifest = graph.manifest | {"name": HOSTILE, "relations": {"like": {"warnings": [HOSTILE]}}}
    nodes = dict(graph.nodes)
    nodes["mark"] = nodes["mark"].rename(
        columns={f"{what}:script": f"{what}:{HOSTILE}" for what in ("target", "split")}
    )
    tasks = {HOSTILE: graph.tasks["script"], "size": graph.tasks["size"]}
    return inspection_page(replace(graph, manifest=manifest, nodes=nodes, tasks=tasks))


def test_hostile_text_is_escaped(html: str) -> None:
    page = Page(html)
    assert not {"script", "img"} & {tag for tag, _ in page.seen}
    assert page.text.count(HOSTILE) >= 4
    assert not any(name.startswith("on") for _, attributes in page.seen for name in attributes)


def test_nothing_comes_from_elsewhere(html: str) -> None:
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", html)
    assert "default-src 'none'" in html
    assert "url(" not in html


def test_every_link_leads_somewhere(html: str) -> None:
    ids = {attributes["id"] for _, attributes in Page(html).seen if "id" in attributes}
    links = [attributes["href"] for tag, attributes in Page(html).seen if tag == "a"]
    assert {str(link).removeprefix("#") for link in links} <= ids


def test_it_tells_what_inspect_tells(html: str, graph: Graph) -> None:
    text = " ".join(Page(html).text.split())
    for said in ("mark/picture", "20.0%", "label informativeness", "correlation", "MiB", "hetero_gat"):
        assert said in text
    assert f"{graph.schema.edge_type(('mark', 'like', 'mark')).num_edges}" in text


def test_a_graph_without_relations_and_tasks_has_a_page(graph: Graph) -> None:
    bare = replace(graph.without_relations(), tasks={})
    html = inspection_page(bare)
    assert 'id="labels"' not in html
    assert 'id="degrees"' not in html
    Page(html)
