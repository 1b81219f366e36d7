"""Several labels, and several tasks, from one end to the other: from the dataset to new entities."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.linear_model import LogisticRegression

import mmgraph as mg
from mmgraph.errors import ConfigError, GraphError
from mmgraph.evaluation.label_baselines import logistic_regressions
from mmgraph.evaluation.report_errors import errors_section
from mmgraph.evaluation.report_slices import Slicing

SONGS = 160
MODEL = [f"model.{value}" for value in ("hidden_channels=16", "heads=2", "dropout=0.0", "input_dropout=0.0")]
SHORT = [*MODEL, "max_epochs=25", "optimiser.lr=0.05", "device=cpu"]
SPEC = {
    "name": "songs",
    "entities": {
        "song": {
            "table": "songs.csv",
            "modalities": {"sound": {"kind": "tabular", "columns": dict.fromkeys("xyz", "numeric")}},
        },
        "singer": {
            "table": "singers.csv",
            "modalities": {"voice": {"kind": "tabular", "columns": {"pitch": "numeric"}}},
        },
    },
    "relations": {
        "alike": {"builder": "knn", "on": "song/sound", "k": 3, "connect": "entity"},
        "shared_mood": {
            "builder": "shared_attribute",
            "entity": "song",
            "column": "moods",
            "separator": ";",
            "max_group": 200,
        },
    },
    "splits": {
        "singers": {
            "kind": "random",
            "entity": "singer",
            "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2},
        },
        "random": {
            "kind": "random",
            "entity": "song",
            "fractions": {"train": 0.5, "validation": 0.2, "test": 0.3},
        },
    },
    "tasks": {
        "moods": {
            "kind": "multi_label",
            "entity": "song",
            "target": "moods",
            "separator": ";",
            "min_count": 5,
            "split": "random",
            "without": {"relations": ["shared_mood"]},
        },
        "pace": {"kind": "regression", "entity": "song", "target": "pace", "split": "random"},
        "part": {"entity": "singer", "target": "part", "split": "singers"},
        "both": {"kind": "multi_task", "tasks": ["moods", "pace"]},
    },
}


def moods_of(columns: np.ndarray) -> list[str]:
    """Return moods that the columns tell; `odd` is too rare to be learnt."""
    x, y, z = columns.T
    rules = {"glad": x > 0, "loud": y > 0.5, "slow": x + z > 0.5, "odd": z > 1.9}
    return [";".join(name for name, rule in rules.items() if rule[row]) for row in range(len(columns))]


def write_singers(folder: Path) -> None:
    """Write singers whose part their pitch tells."""
    pitch = np.linspace(-1, 1, 30).round(3)
    part = np.where(pitch > 0, "soprano", "bass")
    singers = pd.DataFrame({"id": [f"v{row}" for row in range(30)], "pitch": pitch, "part": part})
    singers.to_csv(folder / "singers.csv", index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    columns = np.random.default_rng(0).normal(size=(SONGS, 3)).round(4)
    table = pd.DataFrame(columns, columns=list("xyz"))
    table.insert(0, "id", [f"s{row:03}" for row in range(SONGS)])
    table["moods"] = moods_of(columns)
    table["pace"] = 100 + 10 * columns[:, 2]
    table.to_csv(folder / "songs.csv", index=False)
    write_singers(folder)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(SPEC))
    mg.build_graph(mg.load_dataset(folder), cache=False, out=folder / "graph")
    return folder


@pytest.fixture(scope="module")
def comparison(folder):
    return mg.compare(
        folder / "graph",
        task="moods",
        models=["prior", "one_vs_rest", "hetero_gat"],
        controls="none",
        seeds=1,
        overrides=SHORT,
        out=folder / "out",
    )


@pytest.fixture(scope="module")
def run(comparison, folder):
    return mg.load_run(folder / "out/runs/hetero_gat/0", graph=folder / "graph")


def test_the_target_is_kept_as_sets_of_labels(folder):
    table = mg.load_graph(folder / "graph").nodes["song"]
    given = pd.read_csv(folder / "songs.csv")["moods"]
    for text, cell in zip(table["target:moods"], given, strict=True):
        assert text == json.dumps(sorted(cell.split(";"))) if isinstance(cell, str) else pd.isna(text)


def test_lists_in_parquet_are_the_same_but_an_empty_one_is_an_answer(folder, tmp_path):
    table = pd.read_csv(folder / "songs.csv")
    table["moods"] = table["moods"].fillna("").map(lambda cell: [one for one in cell.split(";") if one])
    table.to_parquet(tmp_path / "songs.parquet")
    write_singers(tmp_path)
    spec = json.loads(json.dumps(SPEC).replace("songs.csv", "songs.parquet"))
    del spec["tasks"]["moods"]["separator"]
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
    graph = mg.build_graph(mg.load_dataset(tmp_path), relations=[], cache=False)
    found, expected = (g.nodes["song"]["target:moods"] for g in (graph, mg.load_graph(folder / "graph")))
    assert found.tolist() == expected.fillna("[]").tolist()


def test_a_relation_of_the_target_is_made_only_if_the_task_does_not_see_it(folder):
    graph = mg.load_graph(folder / "graph")
    assert "shared_mood" in graph.schema.relations
    assert graph.view("moods").schema.relations == ["alike"]
    other = mg.SharedAttribute("song", "moods", separator=";")
    with pytest.raises(GraphError, match=r"or add 'other' to the task's without\.relations"):
        mg.build_graph(mg.load_dataset(folder), relations=[("other", other)], cache=False)


def test_what_features_tell_is_learnt(comparison):
    scores = {
        e: comparison.score(e, "average_precision").mean for e in ("prior", "one_vs_rest", "hetero_gat")
    }
    assert scores["prior"] < 0.6
    assert scores["one_vs_rest"] > 0.95
    assert scores["hetero_gat"] > 0.85
    assert comparison.score("hetero_gat", "micro_f1_score").mean > 0.8
    assert comparison.monitor == ("average_precision", "max")


def test_the_report_names_labels(comparison, folder):
    page = (folder / "out/report.html").read_text()
    assert "The test entities with the most wrong labels" in page
    assert "of the labels that either end of an edge" in page
    assert "glad, slow" in page


def test_an_answer_that_is_missing_is_no_label(comparison, folder):
    graph = mg.load_graph(folder / "graph")

    def shown(answer):
        """Return what a page says where nobody answers but so."""
        trials = []
        for trial in comparison.trials:
            table = trial.predictions.copy()
            table["prediction"] = pd.Series([answer] * len(table), dtype=object)
            trials.append(replace(trial, predictions=table))
        changed = replace(comparison, trials=tuple(trials))
        errors = errors_section(changed, graph.view("moods"))
        return errors.caption, errors.classes, Slicing().slices(changed, graph.view("moods"))

    assert shown(None) == shown([])


def test_a_run_keeps_its_threshold(comparison, run):
    trial = comparison.of("hetero_gat")[0]
    assert run.module.head.threshold.item() != 0
    assert run.evaluate("test") == pytest.approx(trial.metrics["test"])
    assert any("1 label that fewer than 5 training entities have is left out" in n for n in run.module.notes)
    table = run.predictions().dropna(subset="target").query("split == 'test'")
    pairs = [(set(has), set(told)) for has, told in zip(table["target"], table["prediction"], strict=True)]
    both, all_ = sum(len(a & b) for a, b in pairs), sum(len(a) + len(b) for a, b in pairs)
    assert 2 * both / all_ == pytest.approx(trial.metrics["test"]["micro_f1_score"])


def test_new_entities_get_labels(run):
    new = [
        {"id": "new1", "x": 2.0, "y": -2.0, "z": 2.0},
        {"id": "new2", "x": -2.0, "y": 2.0, "z": -1.0},
    ]
    table = mg.predict(run, new)
    assert table["prediction"].tolist() == [["glad", "slow"], ["loud"]]
    assert "probability" not in table


def test_the_audit_says_what_it_cannot_look_at(folder):
    report = mg.audit(folder / "graph", task="moods", dataset=folder)
    skipped = {result.check: result.skipped for result in report.results if result.skipped}
    assert "these may have several labels" in skipped["telling_modality"]
    assert not {"same_content", "copied_entities", "held_out_edges"} & {
        name for name, why in skipped.items() if "several labels" in why
    }


def test_inspection_shows_how_much_labels_overlap(folder):
    found = mg.summarise(mg.load_graph(folder / "graph"))["relations"]["alike"]["homophily"]["moods"]
    assert found["overlap"] > found["by_chance"] + 0.1


def test_targets_and_masks_for_a_loop_of_ones_own(folder):
    store = mg.task_data(mg.load_graph(folder / "graph"), "moods")["song"]
    assert store.y.shape == (SONGS, 3)
    assert store.y.dtype == torch.bool
    assert store.classes == ["glad", "loud", "slow"]


def test_a_share_of_labels_is_refused(folder):
    with pytest.raises(ConfigError, match="label_share"):
        mg.train(folder / "graph", task="moods", overrides=[*SHORT, "label_share=0.5"])


def test_one_vs_rest_equals_scikit_learn():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 4)).astype(np.float32)
    has = features @ rng.normal(size=(4, 3)) + rng.normal(size=(60, 3)) > 0.3
    weight, bias = logistic_regressions(
        torch.from_numpy(features), torch.from_numpy(has).float(), 0.5, torch.zeros(4, 3), torch.zeros(3)
    )
    for label in range(3):
        model = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(features, has[:, label])
        assert weight[:, label].numpy() == pytest.approx(model.coef_[0], abs=2e-3)
        assert bias[label].item() == pytest.approx(model.intercept_[0], abs=2e-3)


@pytest.fixture(scope="module")
def several(folder):
    return mg.compare(
        folder / "graph",
        task="both",
        models=["mlp"],
        seeds=1,
        overrides=[*SHORT, "task_weights.pace=0.5", "batch_size=40", "max_epochs=15"],
        out=folder / "several",
    )


def test_one_model_learns_both_tasks(several):
    metrics = several.of("mlp")[0].metrics["test"]
    assert list(metrics)[:2] == ["weighted_score", "moods/average_precision"]
    assert metrics["moods/average_precision"] > 0.85
    assert metrics["pace/r2_score"] > 0.85
    expected = (metrics["moods/average_precision"] + 0.5 * metrics["pace/r2_score"]) / 1.5
    assert metrics["weighted_score"] == pytest.approx(expected)
    assert "validation_pace/r2_score" in several.of("mlp")[0].history


def test_several_tasks_do_not_see_what_any_of_them_must_not(folder):
    graph = mg.load_graph(folder / "graph")
    for name in ("both", "pace,moods"):
        assert graph.view(name).schema.relations == ["alike"]
    assert graph.view("pace").schema.relations == ["alike", "shared_mood"]


def test_a_run_of_several_tasks_is_itself_again(several, folder):
    run = mg.load_run(folder / "several/runs/mlp/0", graph=folder / "graph")
    assert run.evaluate("test") == pytest.approx(several.of("mlp")[0].metrics["test"])
    assert "0.5 x pace/r2_score" in run.module.notes[0]
    table = mg.predict(run, [{"id": "new1", "x": 2.0, "y": -2.0, "z": 1.0}])
    assert table["moods/prediction"].tolist() == [["glad", "slow"]]
    assert table["pace/prediction"][0] == pytest.approx(110, abs=5)


def test_the_report_of_several_tasks(several, folder):
    page = (folder / "several/report.html").read_text()
    assert "weighted score" in page
    assert "with an answer to moods" in page
    assert several.headline == "weighted_score"


def test_tasks_by_their_names_are_one_task(folder, several):
    assert several.spec.tasks == ("moods", "pace")
    with pytest.raises(GraphError, match=r"there is no task 'paces'.* Did you mean 'pace'"):
        mg.load_graph(folder / "graph").task("moods,paces")
    with pytest.raises(ConfigError, match="got a task twice"):
        mg.load_graph(folder / "graph").task("moods,moods")
    with pytest.raises(ConfigError, match="wanted a task that asks for a target of each entity"):
        mg.audit(folder / "graph", task="moods,pace")


def test_settings_of_classes_reach_the_task_that_has_some(folder):
    run = mg.train(folder / "graph", task="pace,moods", overrides=[*SHORT, "max_epochs=1", "loss=focal"])
    assert run.task.members["moods"].class_loss.name == "focal"
    with pytest.raises(ConfigError, match="task_weights: got"):
        mg.train(folder / "graph", task="pace", overrides=["task_weights=uncertainty"])


def test_tasks_of_two_entity_types(folder):
    run = mg.train(folder / "graph", task="pace,part", model="mlp", overrides=[*SHORT, "batch_size=0"])
    found = run.evaluate("test")
    assert found["pace/r2_score"] > 0.5
    assert found["part/accuracy"] > 0.8
    table = run.predictions()
    assert table["entity"].value_counts().to_dict() == {"song": SONGS, "singer": 30}
    assert table.query("entity == 'singer'")["part/prediction"].isin(["bass", "soprano"]).all()
    with pytest.raises(ConfigError, match="batch_size: got 20, but samples are made for one entity type"):
        mg.train(folder / "graph", task="pace,part", model="mlp", overrides=[*SHORT, "batch_size=20"])


def test_a_label_is_explained(run):
    table = run.predictions().set_index("id")
    place = run.task.names.index("glad")
    found = mg.explain(run, "s000", answer="glad", explainer="gnn_explainer")
    assert found.plain[0] == pytest.approx(table.loc["s000", "probabilities"][place], abs=1e-6)
    assert found.asked == "log-odds of glad"
    # Whether a song is glad, the first column tells.
    assert found.strongest_features(1)["feature"].tolist() == [0]
    assert set(found.masks["modality"]) == {"sound"}
    json.dumps(found.to_json(), allow_nan=False)
    likeliest = run.task.names[int(np.argmax(table.loc["s000", "probabilities"]))]
    assert mg.explain(run, "s000").asked == f"log-odds of {likeliest}"
    overall = mg.explain_all(run, answer="glad", sample=4)
    assert overall.parts["name"].iloc[0] == "sound"
    with pytest.raises(ConfigError, match=r"--class: the task 'moods' has several labels .* none is named"):
        mg.explain_all(run)


def test_labels_have_curves(run):
    found = mg.robustness(run, repeats=1, groups=["moods"])
    assert found.metric[0] == "average_precision"
    curve = found.curves()
    at = curve[(curve["aspect"] == "missing") & (curve["what"] == "sound")]["mean"].tolist()
    assert at[-1] < at[0] - 0.2
    assert found.calibration is None
    json.dumps(found.to_json(), allow_nan=False)


def test_several_tasks_at_once_are_not_tried(several, folder):
    loaded = mg.load_run(folder / "several/runs/mlp/0", graph=folder / "graph")
    for asked in (mg.robustness, mg.explain_all):
        with pytest.raises(ConfigError, match=r"trained on several tasks at once.*Name it: --task"):
            asked(loaded)
