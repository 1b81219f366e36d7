"""What is tried of a run: known effects of planted signals, and the same again from the same seed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.errors import ConfigError, UserError
from mmgraph.evaluation.robustness.robustness import robustness
from mmgraph.evaluation.robustness.slices import by_group
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.training import Run, train

QUICK = ("model.hidden_channels=16", "model.dropout=0.1", "optimiser.lr=0.02", "max_epochs=15", "device=cpu")


@pytest.fixture(scope="session")
def run(graph) -> Run:
    return train(graph, task="script", model="hetero_gat", overrides=QUICK, seed=0)


@pytest.fixture(scope="session")
def found(run):
    return robustness(run, groups=["script"], repeats=2)


def at(found, aspect: str, what: str) -> list[float]:
    """Return the means of a curve."""
    curves = found.curves()
    return curves.loc[(curves["aspect"] == aspect) & (curves["what"] == what), "mean"].tolist()


def test_curves_begin_at_the_metrics_of_the_run(run, found):
    curves = found.curves()
    assert set(curves["aspect"]) == {"missing", "noise", "removed", "added", "rewired"}
    begins = curves[curves["level"] == 0]
    assert begins["mean"].to_numpy() == pytest.approx(run.evaluate("test")["accuracy"])
    assert set(curves.loc[curves["aspect"] == "missing", "what"]) == {"picture", "name", "all"}
    # What everything is, no draw decides.
    assert curves.loc[(curves["aspect"] == "missing") & (curves["level"] == 1), "repeats"].tolist() == [1] * 3


def test_the_same_seed_gives_the_same(run, found):
    again = robustness(run, aspects=["noise", "edges"], repeats=2)
    first = found.measurements[found.measurements["aspect"] != "missing"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.measurements, first)
    other = robustness(run, aspects=["noise"], repeats=2, seed=5).measurements
    noise = first[first["aspect"] == "noise"].reset_index(drop=True)
    assert not noise.equals(other)


@pytest.mark.parametrize("carrier", ["picture", "name"])
def test_only_the_modality_that_carries_the_answer_is_missed(planted_run, carrier):
    found = robustness(planted_run(carrier), aspects=["missing", "noise"], repeats=2)
    idle = "name" if carrier == "picture" else "picture"
    assert found.metrics["accuracy"] > 0.9
    falling = at(found, "missing", carrier)
    assert falling[-1] < 0.75
    assert sorted(falling, reverse=True) == falling
    assert min(at(found, "missing", idle)) > 0.85
    assert at(found, "noise", carrier)[-1] < at(found, "noise", idle)[-1]
    left = found.combinations.set_index("left")["accuracy"]
    assert list(left.index) == ["picture + name", "picture", "name", "none"]
    assert left["picture + name"] == found.metrics["accuracy"]
    assert left[carrier] > left[idle] + 0.15


def test_only_the_relation_that_carries_the_answer_is_missed(planted_run):
    found = robustness(planted_run("like"), aspects=["edges"], repeats=2)
    assert found.metrics["accuracy"] > 0.85
    for change in ("removed", "rewired"):
        assert at(found, change, "like")[-1] < 0.75
        assert min(at(found, change, "other")) > 0.8
    # As many wrong edges as right ones hurt, if not as much.
    assert at(found, "added", "like")[-1] < found.metrics["accuracy"]


def test_no_relation_is_edges_removed(graph, run):
    found = robustness(run, aspects=["edges"], repeats=1)
    subject = Subject.of(run, "test", doing="test")
    output = subject.output(run.view.without_relations())
    assert at(found, "removed", "like")[-1] == pytest.approx(subject.metrics(output)["accuracy"])


def test_groups_are_measured_apart(run, found):
    table = run.predictions()
    test = table[table["split"] == "test"]
    for row in found.groups.itertuples():
        own = test[test["target"] == row.group]
        assert row.entities == len(own)
        assert row.accuracy == pytest.approx((own["prediction"] == own["target"]).mean())
    assert found.groups["accuracy"].is_monotonic_increasing
    assert found.gaps["script"].apart == pytest.approx(np.ptp(found.groups["accuracy"]))
    assert 0 < found.gaps["script"].chance <= 1


def test_columns_of_a_table_make_groups(run):
    ids = [f"m{i}" for i in range(90)]
    table = pd.DataFrame({"id": ids, "size": np.arange(90.0), "kind": ["a", "b", None] * 30})
    found = robustness(run, aspects=["groups"], groups=["size", "kind"], table=table)
    assert found.groups["column"].tolist().count("size") == 4
    kinds = found.groups[found.groups["column"] == "kind"]
    assert set(kinds["group"]) == {"a", "b", "(empty)"}
    assert kinds["entities"].sum() == found.entities
    assert found.measurements.empty


def test_entities_are_counted_by_their_edges(found):
    # Each mark hears one other along `like`, and one along its reverse.
    assert found.neighbours["neighbours"].tolist() == ["2-3"]
    assert found.neighbours["accuracy"].tolist() == [found.metrics["accuracy"]]


def test_a_regression_has_curves_and_says_what_it_lacks(graph):
    run = train(graph, task="size", model="mlp", overrides=QUICK, seed=0)
    found = robustness(run, repeats=1, groups=["title"])
    assert found.metric == ("r2_score", "max")
    # A title is a group of one entity, which has no R².
    assert found.groups["r2_score"].isna().all()
    assert found.calibration is None
    assert any("classification" in note for note in found.notes)
    json.dumps(found.to_json(), allow_nan=False)


def test_the_folder_holds_tables_and_plots(found, tmp_path):
    found.save(tmp_path / "one")
    found.save(tmp_path / "two")
    names = {file.name for file in (tmp_path / "one").iterdir()}
    assert {"robustness.json", "curves.csv", "groups.csv", "reliability.csv"} <= names
    plots = {"missing.png", "noise.png", "removed.png", "calibration.png", "selective.png"}
    assert plots <= names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert json.loads((tmp_path / "one" / "robustness.json").read_text())["metric"] == "accuracy"
    with pytest.raises(UserError, match="is there already"):
        found.save(tmp_path / "one")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aspects": ["nose"]}, "--only: there is nothing to try by the name 'nose'. Did you mean 'noise'"),
        ({"groups": ["scrip"]}, "--group: there is no column 'scrip'. Did you mean .*script"),
        ({"aspects": ["groups"]}, "--group: got no column"),
        ({"aspects": ["noise"], "groups": ["script"]}, "--group: got script, but groups are not among"),
        ({"repeats": 0}, "--repeats: got 0; wanted at least 1"),
        ({"split": "tset"}, "there is no split 'tset'"),
    ],
)
def test_what_makes_no_sense_is_refused(run, options, message):
    with pytest.raises(ConfigError, match=message):
        robustness(run, **options)


def test_a_pretraining_is_refused(graph):
    run = train(graph, task="pretrain", model="mlp", overrides=[*QUICK, "max_epochs=1"], seed=0)
    with pytest.raises(ConfigError, match="which has no answers; wanted one that predicts something"):
        robustness(run)


def test_a_gap_by_chance_is_told_from_one_that_is_not(run):
    subject = Subject.of(run, "test", doing="test")
    truth = run.predictions().query("split == 'test'")["target"].map(run.task.classes.index).to_numpy()
    half = len(truth) // 2
    first = np.arange(len(truth)) < half
    # Of one half of the entities every answer is right, of the other every third.
    wrong = ~first & (np.arange(len(truth)) % 3 > 0)
    output = torch.eye(len(run.task.classes))[(truth + wrong) % len(run.task.classes)]
    cells = pd.Series("", index=range(len(run.graph.nodes[subject.entity])))
    mixed = np.random.default_rng(0).permutation(first)
    gaps = {}
    for name, groups in (("told", first), ("drawn", mixed)):
        cells.iloc[subject.entities] = np.where(groups, "a", "b")
        gaps[name] = by_group(subject, output, name, cells)[1]
    assert half >= 10
    assert gaps["told"].apart == pytest.approx(wrong[~first].mean())
    assert gaps["told"].chance < 0.05 < gaps["drawn"].chance
