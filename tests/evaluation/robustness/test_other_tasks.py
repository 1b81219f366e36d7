"""What is tried of tasks without one target of each entity: several at once, retrieval, matching, links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from torch import Tensor

import mmgraph as mg
from mmgraph.encoders.standardise import Standardise
from mmgraph.errors import ConfigError
from mmgraph.evaluation.report_robustness import robustness_section
from mmgraph.evaluation.robustness.noise import noise_curves
from mmgraph.evaluation.robustness.robustness import Robustness, robustness
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.graph import Graph
from mmgraph.tasks import Retrieval
from mmgraph.training import Run, train

QUICK = ("model.hidden_channels=16", "model.dropout=0.1", "optimiser.lr=0.02", "max_epochs=15", "device=cpu")


def at(found: Robustness, aspect: str, what: str) -> list[float]:
    """Return the means of a curve."""
    curves = found.curves()
    return curves.loc[(curves["aspect"] == aspect) & (curves["what"] == what), "mean"].tolist()


@pytest.fixture(scope="module")
def both(graph: Graph) -> Run:
    return train(graph, task="script,size", model="hetero_gat", overrides=QUICK, seed=0)


def test_of_several_tasks_one_is_named(both: Run) -> None:
    with pytest.raises(ConfigError, match=r"several tasks at once, script, size.*Name it: --task script"):
        robustness(both)
    with pytest.raises(ConfigError, match="there is no task 'scrip'"):
        robustness(both, task="scrip")


def test_one_of_several_tasks_is_measured_as_the_run_is(both: Run, tmp_path: Path) -> None:
    whole = both.evaluate("test")
    script = robustness(both, task="script", repeats=1)
    assert script.metrics == {
        name: pytest.approx(whole[f"script/{name}"]) for name in ("accuracy", "balanced_accuracy", "f1_score")
    }
    assert script.calibration is not None
    assert at(script, "missing", "all")[-1] < at(script, "missing", "all")[0]
    size = robustness(both, task="size", aspects=["missing"], repeats=1)
    assert size.metrics["r2_score"] == pytest.approx(whole["size/r2_score"])
    assert size.calibration is None
    script.save(tmp_path / "script")
    section = robustness_section(both, tmp_path / "script")
    assert section is not None
    assert "Accuracy of hetero_gat" in section.caption
    assert section.caption.endswith("; each value is of one draw.")


def test_one_of_several_tasks_is_calibrated_and_explained(graph: Graph) -> None:
    # Trained for so short a time that validation has wrong answers, which tell a temperature.
    run = train(graph, task="script,size", model="hetero_gat", overrides=[*QUICK, "max_epochs=3"], seed=1)
    before = run.evaluate("test")
    temperature = mg.calibrate(run, task="script")
    held = robustness(run, task="script", aspects=["calibration"]).calibration
    assert held is not None
    assert held.temperature == pytest.approx(temperature)
    assert run.evaluate("test") == before
    assert any(note.startswith("script: probabilities are at") for note in run.module.notes)
    script, size = (mg.explain(run, "m4", task=name) for name in ("script", "size"))
    assert script.asked.startswith("log-odds of ")
    assert size.asked == "size"
    row = run.predictions().set_index("id").loc["m4"]
    assert script.prediction == row["script/prediction"]
    assert size.value == pytest.approx(row["size/prediction"], rel=1e-4)
    with pytest.raises(ConfigError, match="several tasks at once"):
        mg.explain(run, "m4")


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """A graph of things whose name follows from their sound, and in part from their picture."""
    folder = tmp_path_factory.mktemp("sounding")
    write_sounding(folder)
    return mg.build_graph(folder, previews=False)


def write_sounding(folder: Path) -> None:
    rng = np.random.default_rng(0)
    name = rng.normal(size=(160, 3))
    parts = {"name": name, "sound": name + 0.1 * rng.normal(size=name.shape)}
    parts["picture"] = name + 1.5 * rng.normal(size=name.shape)
    for modality, values in parts.items():
        np.save(folder / f"{modality}.npy", values.astype(np.float32))
    pd.DataFrame({"id": [f"t{i}" for i in range(160)]}).to_csv(folder / "things.csv", index=False)
    pair = {
        "entity": "thing",
        "query": "picture",
        "answer": "name",
        "query_with": ["sound"],
        "split": "parts",
    }
    spec = {
        "name": "sounding",
        "entities": {
            "thing": {
                "table": "things.csv",
                "modalities": {m: {"kind": "features", "file": f"{m}.npy"} for m in parts},
            }
        },
        "splits": {
            "parts": {
                "kind": "random",
                "entity": "thing",
                "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2},
            }
        },
        "tasks": {"find": {"kind": "retrieval", **pair}, "match": {"kind": "matching", **pair}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


LONGER = ("model.hidden_channels=16", "model.dropout=0", "model.input_dropout=0", "optimiser.lr=0.02")


@pytest.fixture(scope="module")
def finder(sounding: Graph) -> Run:
    overrides = (*LONGER, "max_epochs=40", "contrastive.ridge=false", "device=cpu")
    return train(sounding, task="find", model="hetero_gat", overrides=overrides, seed=0)


def test_a_retrieval_has_no_temperature(finder: Run) -> None:
    with pytest.raises(ConfigError, match=r"--calibrate: .* answers by comparing; wanted a classification"):
        mg.calibrate(finder)


def test_a_retrieval_misses_the_modality_that_goes_with_its_query(finder: Run) -> None:
    found = robustness(finder, aspects=["missing", "noise"], repeats=1)
    assert found.metric[0] == "mrr"
    assert found.metrics == finder.evaluate("test")
    assert set(found.curves().query("aspect == 'missing'")["what"]) == {"sound"}
    curve = at(found, "missing", "sound")
    assert curve[0] > 0.6
    assert curve[-1] < 0.7 * curve[0]
    assert sorted(curve, reverse=True) == curve
    assert set(found.combinations["left"]) == {"sound", "none"}
    # What is compared can be noisy, though it cannot be missing.
    assert at(found, "noise", "name")[-1] < curve[0]


def test_parts_of_a_pair_that_is_compared_cannot_be_missing(tmp_path: Path) -> None:
    @mg.ENCODERS.register("side_by_side")
    @dataclass(kw_only=True, eq=False)
    class SideBySide(Standardise):
        kind: ClassVar[str] = "pair"
        reads: ClassVar[tuple[tuple[str, ...], ...]] = (("features",), ("features",))

        def describe(self, raw: Any, progress: Any) -> Any:
            return np.array([np.concatenate([*p.first, *p.second]) for p in raw.values], np.float32)

    write_sounding(tmp_path)
    spec = yaml.safe_load((tmp_path / "dataset.yaml").read_text(encoding="utf-8"))
    spec["entities"]["thing"]["modalities"]["both"] = {
        "kind": "pair",
        "inputs": ["sound", "picture"],
        "encoder": "side_by_side",
    }
    spec["entities"]["thing"]["modalities"]["more"] = {"kind": "features", "file": "sound.npy"}
    spec["tasks"]["find"] |= {"query": "both", "query_with": ["more"]}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    try:
        graph = mg.build_graph(tmp_path, previews=False)
        run = train(graph, task="find", model="mlp", overrides=(*LONGER, "max_epochs=1", "device=cpu"))
        subject = Subject.of(run, "test", doing="--robustness")
        assert "thing/sound" in subject.graph.features
        assert [t.name for t in subject.spare] == ["thing/more"]
        found = robustness(run, aspects=["missing"], repeats=1)
        assert set(found.curves()["what"]) == {"more"}
    finally:
        mg.ENCODERS._things.pop("side_by_side")


def test_noise_reaches_what_the_task_reads_itself(finder: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject.of(finder, "test", doing="--robustness")
    task = subject.task
    assert isinstance(task, Retrieval)
    own = task.modalities(subject.rows)[1].numpy()
    seen: list[np.ndarray] = []

    def output(head: object, unify: object, rows: Tensor) -> Tensor:
        seen.append(task.modalities(rows)[1].numpy())
        return Tensor([[1.0]])

    monkeypatch.setattr(task, "output", output)
    levels = {}
    for what, level, graph in noise_curves(subject, (0.0, 2.0), 0):
        subject.output(graph)
        levels[what, level] = np.abs(seen[-1] - own).max()
    assert levels["name", 2.0] > 1 > levels["name", 0.0] == levels["picture", 2.0] == 0
    assert np.array_equal(task.modalities(subject.rows)[1].numpy(), own)


def test_groups_of_a_retrieval_look_among_all(finder: Run) -> None:
    ids = finder.task.labels.ids
    table = pd.DataFrame({"id": ids, "half": ["even" if int(i[1:]) % 2 == 0 else "odd" for i in ids]})
    found = robustness(finder, aspects=["groups"], groups=["half"], table=table)
    sizes = found.groups.set_index("group")["entities"]
    assert (found.groups["gallery_size"] == sizes.sum()).all()
    mean = (found.groups.set_index("group")["mrr"] * sizes).sum() / sizes.sum()
    assert mean == pytest.approx(found.metrics["mrr"])


def test_a_matching_is_tried_as_well(sounding: Graph) -> None:
    overrides = (*LONGER, "max_epochs=30", "device=cpu")
    run = train(sounding, task="match", model="hetero_gat", overrides=overrides, seed=0)
    found = robustness(run, aspects=["missing"], repeats=1)
    assert found.metrics == run.evaluate("test")
    assert at(found, "missing", "sound")[-1] < at(found, "missing", "sound")[0]


def test_a_retrieval_without_other_modalities_says_why_none_is_missing(graph: Graph) -> None:
    run = train(graph, task="retrieval:picture,name", model="mlp", overrides=QUICK, seed=0)
    found = robustness(run, aspects=["missing"], repeats=1)
    assert found.measurements.empty
    assert found.notes == (
        "missing was left out: picture and name are what is compared, and the task sees no other modality of "
        "mark",
    )


def test_links_lose_the_modalities_of_their_ends(graph: Graph) -> None:
    run = train(graph, task="link:like", model="hetero_gat", overrides=QUICK, seed=0)
    found = robustness(run, repeats=1)
    assert found.metric[0] == "mrr"
    assert found.metrics == run.evaluate("test")
    assert {"missing", "noise", "removed"} <= set(found.curves()["aspect"])
    assert at(found, "missing", "all")[-1] < found.metrics["mrr"]
    assert found.neighbours["entities"].sum() == found.entities == len(run.task.rows("test"))
    assert any("count links, by the mark that they begin at" in note for note in found.notes)
