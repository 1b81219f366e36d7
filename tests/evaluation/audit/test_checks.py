"""What single checks count as a leak, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

import mmgraph as mg
from mmgraph.errors import ConfigError, GraphError
from mmgraph.evaluation.audit.audit import audit
from mmgraph.evaluation.audit.figures import at_least, measure

MakeParts = Callable[..., Any]


def _found(graph: mg.Graph, check: str, **options: Any) -> list[mg.Finding]:
    return [f for name, f in audit(graph, task="kind", **options).findings if name == check]


def test_a_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = rng.binomial(60, 0.9, size=4_000)
    too_high = np.mean([at_least(int(n), 60, doubt=0.05) > 0.9 for n in hits])
    assert 0.005 < too_high <= 0.05


def test_a_guess_of_the_commonest_class_has_no_skill() -> None:
    truth = np.repeat([0.0, 1.0], [95, 5])
    assert measure(np.zeros(100), truth, classes=True, tests=1).skill == 0
    assert measure(truth, truth, classes=True, tests=1).skill < 0.2
    many = np.repeat([0.0, 1.0], [9_500, 500])
    assert measure(many, many, classes=True, tests=1).skill > 0.98


def test_short_texts_are_properties(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.previews["words"] = ["light blue"] * len(spoilt.previews["words"])
    assert audit(spoilt.graph(), task="kind").clean


def test_columns_of_few_values_are_no_copies(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.features["facts"] = np.round(spoilt.features["facts"])
    for name in ("picture", "words"):
        rows = spoilt.rows[name]
        spoilt.features[name] = np.round(spoilt.features[name][:, :1])
        spoilt.previews[name] = [None] * len(rows)
        spoilt.kinds[name] = "tabular"
    assert not _found(spoilt.graph(), "copied_entities")


def test_a_title_that_stands_twice_is_a_copy(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.titles = [f"The thing of {n}" for n in range(spoilt.count)]
    spoilt.titles[spoilt.held_out[0]] = f" the THING of  {spoilt.train[0]}"
    (finding,) = _found(spoilt.graph(), "copied_entities")
    assert (finding.where, finding.count) == ("title of thing", 1)


def test_titles_that_many_share_are_no_copies(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.titles = [f"thing of kind {n % 30}" for n in range(spoilt.count)]
    assert not _found(spoilt.graph(), "copied_entities")


def test_couples_of_one_label_are_not_made_from_labels(parts: MakeParts) -> None:
    """As a capital and its small letter: every edge is pure, and says little of the rest of the class."""
    spoilt = parts(0, count=1_200, classes=4)
    order = np.argsort(spoilt.target, kind="stable")
    spoilt.pairs["follows"] = np.stack([order[::2], order[1::2]])
    names = {check for check, _ in audit(spoilt.graph(), task="kind").findings}
    assert "label_edges" not in names
    assert "telling_relation" in names


def test_what_the_task_must_not_see_is_not_looked_at(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.pairs["made_by"][1] = spoilt.target
    assert _found(spoilt.graph(), "telling_relation")
    spoilt.task = {"without": {"relations": ["made_by"]}}
    assert audit(spoilt.graph(), task="kind").clean


def test_numbers_that_neighbours_give_away(parts: MakeParts) -> None:
    spoilt = parts(0, numbers=True)
    order = np.argsort(spoilt.target)
    spoilt.pairs["alike"] = np.stack([order[:-1], order[1:]])
    (finding,) = _found(spoilt.graph(), "telling_relation")
    assert finding.where == "relation alike"
    assert finding.figure is not None
    assert finding.figure > 0.95


def test_a_copy_of_the_number_among_the_features(parts: MakeParts) -> None:
    spoilt = parts(0, numbers=True, count=600)
    spoilt.features["facts"][:, 2] = spoilt.target
    (finding,) = _found(spoilt.graph(), "telling_modality")
    assert finding.where == "modality thing/facts"


def test_the_manifest_may_say_that_an_encoder_saw_more(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.manifest["encoders"] = {"thing/facts": {"fitted_on": spoilt.count}}
    (finding,) = _found(spoilt.graph(), "encoder_fit")
    assert finding.of == spoilt.count
    assert finding.count == np.isin(spoilt.split, ["validation", "test"]).sum()


@pytest.fixture
def timed(parts: MakeParts, tmp_path: Path) -> Callable[[np.ndarray], list[mg.Finding]]:
    """Return a function that gives every thing a day and returns which edges come from the future."""

    def look(days: np.ndarray, *, with_days: bool = True) -> list[mg.Finding]:
        spoilt = parts(0)
        spoilt.ids = [f"t{n}" for n in range(spoilt.count)]
        one, other = spoilt.pairs["follows"]
        earlier = days[one] <= days[other]
        spoilt.pairs["follows"] = np.stack([np.where(earlier, one, other), np.where(earlier, other, one)])
        del spoilt.pairs["alike"]
        split = {"kind": "time", "entity": "thing", "column": "day"}
        spoilt.manifest["dataset"] = {"spec": {"splits": {"parts": split}}}
        spoilt.split = np.where(days < 60, "train", np.where(days < 75, "validation", "test"))
        dataset = spoilt.dataset(tmp_path, {"day": days}) if with_days else None
        return _found(spoilt.graph(), "future_edges", dataset=dataset)

    return look


def test_reverse_relations_lead_to_the_past(timed: Callable[..., list[mg.Finding]]) -> None:
    days = np.random.default_rng(1).permutation(300) % 100
    (finding,) = timed(days)
    assert finding.where == "relation rev_follows"
    (coarse,) = timed(days, with_days=False)
    assert coarse.where == "relation rev_follows"
    assert coarse.count < finding.count


def test_a_graph_that_knows_times_needs_no_dataset(
    timed: Callable[..., list[mg.Finding]], monkeypatch: pytest.MonkeyPatch, parts: MakeParts
) -> None:
    days = np.random.default_rng(1).permutation(300) % 100
    (finding,) = timed(days)
    graph = type(parts(0)).graph

    def dated(spoilt: Any) -> mg.Graph:
        made = graph(spoilt)
        return replace(made, nodes={**made.nodes, "thing": made.nodes["thing"].assign(time=days)})

    monkeypatch.setattr(type(parts(0)), "graph", dated)
    (found,) = timed(days, with_days=False)
    assert found.count == finding.count
    assert "temporal: uniform" in found.fix


def test_groups_by_a_column_and_by_a_relation(parts: MakeParts, tmp_path: Path) -> None:
    spoilt = parts(0)
    spoilt.ids = [f"t{n}" for n in range(spoilt.count)]
    sides = np.where(spoilt.split == "train", "a", "b")
    columns = {"family": [f"{side}{n % 9}" for n, side in enumerate(sides)], "speaker": np.arange(300) // 3}
    dataset = spoilt.dataset(tmp_path, columns)
    graph = spoilt.graph()
    assert not _found(graph, "straddling_groups", dataset=dataset, groups=["family"])
    (finding,) = _found(graph, "straddling_groups", dataset=dataset, groups=["speaker", "family"])
    assert finding.where == "groups by speaker"
    with pytest.raises(ConfigError, match=r"no column or relation 'famly'.*'family'"):
        audit(graph, task="kind", dataset=dataset, groups=["famly"])
    with pytest.raises(ConfigError, match="Columns need --dataset"):
        audit(graph, task="kind", groups=["family"])


def test_the_column_of_a_grouped_split_is_looked_at_by_itself(parts: MakeParts, tmp_path: Path) -> None:
    spoilt = parts(0)
    spoilt.ids = [f"t{n}" for n in range(spoilt.count)]
    split = {"kind": "grouped", "entity": "thing", "group": "family"}
    spoilt.manifest["dataset"] = {"spec": {"splits": {"parts": split}}}
    dataset = spoilt.dataset(tmp_path, {"family": np.arange(300) // 3})
    graph = spoilt.graph()
    assert _found(graph, "straddling_groups", dataset=dataset)
    skipped = {r.check: r.skipped for r in audit(graph, task="kind").results}
    assert "'family' is in the dataset" in skipped["straddling_groups"]


def test_a_number_in_a_column_that_gives_the_label(parts: MakeParts, tmp_path: Path) -> None:
    spoilt = parts(0)
    spoilt.ids = [f"t{n}" for n in range(spoilt.count)]
    code = 10 * spoilt.target + spoilt.rng.random(spoilt.count)
    dataset = spoilt.dataset(tmp_path, {"code": code, "noise": spoilt.rng.random(spoilt.count)})
    (finding,) = _found(spoilt.graph(), "telling_column", dataset=dataset)
    assert finding.where == "column code"
    assert "the modality facts" in finding.what


def test_words_that_labels_share_give_nothing_away(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.names = {0: "garden tool", 1: "kitchen tool", 2: "office tool"}
    spoilt.previews["words"] = [f"{text} a tool of the best" for text in spoilt.previews["words"]]
    assert not _found(spoilt.graph(), "label_in_text")


def test_labels_in_ids_are_of_less_weight(parts: MakeParts) -> None:
    spoilt = parts(0)
    spoilt.names = {0: "toy", 1: "tool", 2: "book"}
    numbers = spoilt.rng.permutation(spoilt.count)
    spoilt.ids = [
        f"{number}_{spoilt.names[int(t)]}.png" for t, number in zip(spoilt.target, numbers, strict=True)
    ]
    (finding,) = _found(spoilt.graph(), "label_in_text")
    assert finding.severity == "low"
    assert "'toy'" in finding.what or "'tool'" in finding.what or "'book'" in finding.what


def test_ids_are_counted_as_people_count(parts: MakeParts) -> None:
    """p9 stands before p10; the rows are in no order."""
    spoilt = parts(0)
    rank = np.empty(spoilt.count, dtype=np.int64)
    rank[np.argsort(spoilt.target, kind="stable")] = np.arange(spoilt.count)
    spoilt.ids = [f"p{n}" for n in rank]
    (finding,) = _found(spoilt.graph(), "row_order")
    assert finding.where == "order of the ids of thing"


def test_one_part_alone_can_be_held_against_training(parts: MakeParts) -> None:
    spoilt = parts(0)
    one = spoilt.at("picture", spoilt.train)[0]
    other = spoilt.at("picture", np.flatnonzero(spoilt.split == "test"))[0]
    spoilt.features["picture"][other] = spoilt.features["picture"][one]
    spoilt.previews["picture"][other] = spoilt.previews["picture"][one]
    graph = spoilt.graph()
    assert _found(graph, "same_content", split="test")
    assert not _found(graph, "same_content", split="validation")


@pytest.mark.parametrize(("noise", "check"), [(0.0, "same_content"), (0.02, "near_duplicates")])
def test_regions_of_pictures_are_works_that_are_copied(parts: MakeParts, noise: float, check: str) -> None:
    spoilt = parts(0)
    spoilt.kinds["picture"] = "regions"
    spoilt.previews["picture"] = [None] * len(spoilt.rows["picture"])
    assert not _found(spoilt.graph(), check)
    sources, copies = spoilt.at("picture", spoilt.train)[:4], spoilt.at("picture", spoilt.held_out)[:4]
    moved = noise * spoilt.rng.normal(size=(4, spoilt.features["picture"].shape[1]))
    spoilt.features["picture"][copies] = spoilt.features["picture"][sources] + moved
    (finding,) = _found(spoilt.graph(), check)
    assert (finding.where, finding.count) == ("modality thing/picture", 4)


def test_a_graph_without_modalities_and_relations() -> None:
    data = HeteroData()
    data["thing"].num_nodes = 60
    data["thing"].y = torch.arange(60).remainder(7).remainder(2)
    for name, rows in (("train", slice(0, 30)), ("val", slice(30, 45)), ("test", slice(45, 60))):
        mask = torch.zeros(60, dtype=torch.bool)
        mask[rows] = True
        data["thing"][f"{name}_mask"] = mask
    graph = mg.from_hetero_data(data, name="plain")
    report = audit(graph, task=next(iter(graph.tasks)))
    assert report.clean, str(report)


def test_a_task_without_labels_is_refused(parts: MakeParts) -> None:
    graph = parts(0).graph()
    table = graph.nodes["thing"].assign(**{"target:kind": None})
    with pytest.raises(GraphError, match="nothing to learn from"):
        audit(replace(graph, nodes={**graph.nodes, "thing": table}), task="kind")
