"""The baselines of links equal networkx and brute force, and take part in comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from mmgraph.errors import ConfigError
from mmgraph.evaluation import factorisation
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.compare import compare
from mmgraph.evaluation.factorisation import factorisations, least_squares
from mmgraph.evaluation.link_baselines import (
    adamic_adar,
    common_neighbours,
    matrix_factorisation,
    popularity,
)
from mmgraph.evaluation.plan import Request, plan_comparison
from mmgraph.graph.exchange.parts import Modality, Parts
from mmgraph.graph.graph import Graph
from mmgraph.graph.relation import Edges
from mmgraph.tasks import LinkPrediction
from mmgraph.tasks.link_structure import LinkStructure
from mmgraph.tasks.task import Task

PEOPLE, BOOKS = 40, 15
NAMES = ["common_neighbours", "adamic_adar", "popularity", "matrix_factorisation"]


@pytest.fixture(scope="module")
def graph() -> Graph:
    """People in two circles who know each other within them, and the books that they read."""
    rng = np.random.default_rng(0)
    circle = np.arange(PEOPLE) % 2
    knows = {
        (a, b)
        for a in range(PEOPLE)
        for b in range(PEOPLE)
        if a != b and rng.random() < (0.3 if circle[a] == circle[b] else 0.02)
    }
    reads = {
        (a, b)
        for a in range(PEOPLE)
        for b in range(BOOKS)
        if rng.random() < (0.6 if circle[a] == b % 2 else 0.05)
    }
    people, books = ([f"{letter}{row}" for row in range(n)] for letter, n in (("p", PEOPLE), ("b", BOOKS)))
    return Parts(
        name="readers",
        entities={
            "person": pd.DataFrame({"id": people, "title": people}),
            "book": pd.DataFrame({"id": books, "title": books}),
        },
        modalities={"person/mind": Modality(np.arange(PEOPLE), np.eye(2, dtype="f4")[circle])},
        relations={
            ("person", "knows", "person"): Edges(*np.array(sorted(knows)).T),
            ("person", "reads", "book"): Edges(*np.array(sorted(reads)).T),
        },
    ).graph("{name}")


def _task(graph: Graph, relation: str) -> LinkPrediction:
    task = Task.from_graph(graph, f"link:{relation}")
    assert isinstance(task, LinkPrediction)
    return task


def test_common_neighbours_and_adamic_adar_equal_networkx(graph: Graph) -> None:
    task = _task(graph, "knows")
    network = nx.Graph()
    network.add_nodes_from(range(PEOPLE))
    network.add_edges_from(task.links.edge_index.T.tolist())
    shared, weighed = common_neighbours(task)[0], adamic_adar(task)[0]
    sources = torch.tensor([3, 17])
    for row, source in enumerate(sources.tolist()):
        pairs = [(source, target) for target in range(PEOPLE) if target != source]
        common = [len(list(nx.common_neighbors(network, *pair))) for pair in pairs]
        index = [value for _, _, value in nx.adamic_adar_index(network, pairs)]
        targets = [target for _, target in pairs]
        assert shared(sources)[row, targets].tolist() == common
        assert weighed(sources)[row, targets].tolist() == pytest.approx(index)


def test_between_two_types_paths_of_three_links_count(graph: Graph) -> None:
    task = _task(graph, "reads")
    links = set(map(tuple, task.links.edge_index.T.tolist()))
    scores = common_neighbours(task)[0](torch.tensor([5]))[0]
    for target in range(BOOKS):
        paths = sum(
            (5, book) in links and (other, book) in links and (other, target) in links
            for book in range(BOOKS)
            for other in range(PEOPLE)
        )
        assert scores[target] == paths


def test_popularity_is_the_degree_in_training(graph: Graph) -> None:
    task = _task(graph, "reads")
    degree = torch.bincount(task.links.edge_index[1], minlength=BOOKS)
    assert torch.equal(popularity(task)[0](torch.tensor([0, 9])), degree.double().expand(2, -1))


def test_factorisation_is_the_best_on_validation(graph: Graph) -> None:
    task = _task(graph, "reads")
    score, chosen = matrix_factorisation(task)
    asked = task.rows("validation")
    reached = task.metrics(task.rank(score, asked), asked)["mrr"]
    tried = list(factorisations(LinkStructure(task.links, np.ones_like).adjacency))
    assert {each["by"] for each, _ in tried} == {"svd", "als"}
    assert chosen in [each for each, _ in tried]
    for _, (source, target) in tried:
        scores = torch.from_numpy(source @ target.T)
        other = task.metrics(task.rank(lambda some, scores=scores: scores[some], asked), asked)["mrr"]
        assert other <= reached + 1e-9
    rows = task.rows("test")
    metrics = task.metrics(task.rank(score, rows), rows)
    by_chance = task.metrics(task.rank(lambda sources: torch.zeros(len(sources), BOOKS), rows), rows)
    assert metrics["mrr"] > 1.5 * by_chance["mrr"]
    assert by_chance["auroc"] == 0.5


@pytest.mark.parametrize("relation", ["knows", "reads"])
@pytest.mark.parametrize("name", NAMES)
def test_held_out_links_play_no_part(graph: Graph, relation: str, name: str) -> None:
    task, other = _task(graph, relation), _task(graph, relation)
    asked = np.flatnonzero(other.links.part == "test")
    other.links.target[asked] = other.links.target[asked].roll(1)
    everyone = torch.arange(PEOPLE)
    scores = [
        {"common_neighbours": common_neighbours, "adamic_adar": adamic_adar, "popularity": popularity}.get(
            name, matrix_factorisation
        )(one)[0](everyone)
        for one in (task, other)
    ]
    assert torch.equal(*scores)


def test_a_comparison_of_links(graph: Graph, tmp_path: Path) -> None:
    short = ["max_epochs=2", "model.hidden_channels=8", "model.heads=2", "device=cpu"]
    comparison = compare(
        graph,
        task="link:reads",
        models=[*NAMES, "hetero_sage"],
        controls="none",
        seeds=2,
        overrides=short,
        out=tmp_path / "c",
    )
    assert not comparison.failures
    assert comparison.headline == "mrr"
    for trial in comparison.trials:
        assert trial.unit_scores is not None
        assert trial.unit_scores.mean() == pytest.approx(trial.metrics["test"]["mrr"])
    document = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert [entry["model"] for entry in document["results"]] == [*NAMES, "hetero_sage"]
    assert "on the test links" in document["verdict"]["text"]
    held_out = graph.view("link:reads").held_out["reads"]
    report = (tmp_path / "c" / "report.html").read_text()
    assert f"the same {len(held_out.of('test'))} test links" in " ".join(report.split())
    assert "Results on the test links" in report
    assert 'id="errors"' not in report
    kept = pd.read_parquet(tmp_path / "c" / "runs" / "popularity" / "0" / "predictions.parquet")
    assert list(kept) == ["source", "rank", "target", "score", "split"]


def test_a_baseline_of_another_kind_is_refused(graph: Graph) -> None:
    with pytest.raises(ConfigError, match="Use 'common_neighbours' or 'adamic_adar' or"):
        plan_comparison(graph, "link:knows", Request(["ridge"], 1))
    assert set(NAMES) <= set(BASELINES)


def test_least_squares_ends_where_neither_end_can_be_better() -> None:
    rng = np.random.default_rng(0)
    links = sp.csr_array((rng.random((12, 9)) < 0.3).astype(float))
    source, target = least_squares(links, rank=3, penalty=0.5, confidence=10.0)
    # The last step was that of the targets: each is the weighted ridge regression on all sources.
    dense = links.toarray()
    for column in range(9):
        weight = np.diag(1 + 10.0 * dense[:, column])
        left = source.T @ weight @ source + 0.5 * np.eye(3)
        expected = np.linalg.solve(left, source.T @ weight @ dense[:, column])
        np.testing.assert_allclose(target[column], expected, atol=1e-8)


def test_few_factorisations_are_tried_of_many_nodes_and_some_of_a_single_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links = sp.csr_array((np.random.default_rng(0).random((12, 9)) < 0.3).astype(float))
    assert len(list(factorisations(links))) == 2 * 2 * 3 + 12
    monkeypatch.setattr(factorisation, "_FEW", 18)
    assert [chosen["by"] for chosen, _ in factorisations(links)].count("als") == 1
    monkeypatch.setattr(factorisation, "_MANY", 18)
    assert {chosen["by"] for chosen, _ in factorisations(links)} == {"svd"}
    single = sp.csr_array(np.array([[1.0, 0.0, 1.0]]))
    monkeypatch.undo()
    assert {chosen["by"] for chosen, _ in factorisations(single)} == {"als"}
