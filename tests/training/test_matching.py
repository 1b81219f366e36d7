"""Matching: it learns, what is asked is the same for all, and metrics are those of the pairs it names."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

import mmgraph as mg
from mmgraph.errors import ConfigError, GraphError
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Task, matching_draws
from mmgraph.tasks.matching_options import MatchingOptions
from mmgraph.training import resolve_config
from mmgraph.training.assemble import assemble

TASK = "matching:image,text"
QUICK = (
    "model.hidden_channels=32",
    "model.dropout=0.1",
    "model.input_dropout=0",
    "optimiser.lr=0.01",
    "max_epochs=30",
    "device=cpu",
    "report_to=none",
    "matching.channels=16",
)


@pytest.fixture(scope="module")
def graph(two_views):
    return two_views


@pytest.fixture(scope="module")
def run(graph, tmp_path_factory):
    return mg.train(
        graph, task=TASK, model="hetero_sage", overrides=QUICK, out=tmp_path_factory.mktemp("runs") / "run"
    )


@pytest.fixture(scope="module")
def table(run):
    return run.predictions()


def test_pairs_that_no_training_has_seen_are_told_apart(run):
    found = run.evaluate("test")
    assert list(found)[:3] == ["auroc", "average_precision", "accuracy"]
    assert min(found["auroc"], found["average_precision"]) > 0.85
    assert found["accuracy"] > 0.75
    assert min(found["hard_auroc"], found["random_auroc"]) > 0.75
    assert found["num_pairs"] == 2 * len(run.task.rows("test"))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_metrics_are_those_of_the_predictions(run, table, split):
    found, part = run.evaluate(split), table[table["split"] == split]
    score, truth = part["probability"], part["target"]
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-6)
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, score), abs=1e-6)
    assert found["accuracy"] == (part["prediction"] == truth).mean()
    for kind in ("hard", "random"):
        kept = part[part["drawn"].isin([kind, "own"])]
        assert found[f"{kind}_auroc"] == pytest.approx(roc_auc_score(kept["target"], kept["probability"]))
    assert found["num_pairs"] == len(part)


def test_the_threshold_is_the_best_one_of_validation(run, table):
    part = table[table["split"] == "validation"]
    accuracies = [((part["probability"] >= t) == part["target"]).mean() for t in part["probability"]]
    assert run.evaluate("validation")["accuracy"] == pytest.approx(max(accuracies))
    yes, no = table[table["prediction"]], table[~table["prediction"]]
    assert no["probability"].max() < yes["probability"].min()


def test_wrong_answers_are_of_the_same_split_and_hard_ones_of_neighbours(graph, table):
    own = table[table["drawn"] == "own"]
    assert (own["id"] == own["answer"]).all()
    assert own["target"].all()
    wrong = table[table["drawn"] != "own"]
    assert not wrong["target"].any()
    assert (wrong["id"] != wrong["answer"]).all()
    assert len(wrong) == len(own) == own["id"].nunique()
    split = own.set_index("id")["split"]
    assert (split[wrong["answer"]].to_numpy() == wrong["split"]).all()
    ids = graph.nodes["thing"]["id"].to_numpy()
    near = {identifier: set() for identifier in ids}
    for edge_type in graph.schema.edge_types:
        if {edge_type.source, edge_type.target} == {"thing"}:
            for one, other in graph.edge_index[edge_type.triple].T:
                near[ids[one]].add(ids[other])
                near[ids[other]].add(ids[one])
    hard = wrong[wrong["drawn"] == "hard"]
    assert 0.35 < len(hard) / len(wrong) < 0.65
    for one, other in zip(hard["id"], hard["answer"], strict=True):
        assert other in near[one] or near[one] & near[other]


def test_what_is_asked_to_measure_is_the_same_whatever_the_training(graph, write_two_views, tmp_path):
    def asked(task):
        return task._measured[0]

    configs = [resolve_config(overrides=[*QUICK, "matching.hard_share=0"], seed=seed) for seed in (0, 7)]
    first = asked(Task.from_graph(graph, TASK))
    for config in configs:
        assert torch.equal(asked(assemble(graph, TASK, config).task), first)
    changes = {"kind": "matching", "num_negatives": 3, "hard_share": 0.0, "seed": 5}
    other = mg.build_graph(mg.load_dataset(write_two_views(tmp_path, **changes)), cache=False, previews=False)
    task = Task.from_graph(other, "image_to_text")
    assert asked(task).shape == (160, 3)
    assert not task._measured[1].any()
    rows = task.rows("test")
    assert not torch.equal(asked(task)[rows][:, :1], first[rows])
    assert json.loads(json.dumps(task.describe()))["seed"] == 5
    # Nobody is hard, so there is nothing to say of them.
    metrics = task.metrics(torch.randn(len(rows), 5), rows)
    assert "hard_auroc" not in metrics
    assert metrics["num_pairs"] == 4 * len(rows)


def test_what_is_read_from_disk_measures_the_same(run, table):
    again = mg.load_run(run.folder, graph=run.graph)
    assert again.metrics() == run.metrics() == json.loads((run.folder / "metrics.json").read_text())
    assert again.predictions().equals(table)
    assert any("50% of the pairs that are asked about belong together" in n for n in run.module.notes)


def test_no_pair_has_a_side_that_sees_the_other(graph):
    """By gradients, which are exact: a logit hangs on the one's image and the other's text alone."""
    torch.manual_seed(0)
    module = assemble(graph, TASK, resolve_config(model="hetero_sage", overrides=QUICK)).eval()
    whole, task = GraphBatch.of(graph), module.task
    task.fit_head(module.head)
    # Else no logit would hang on what the graph says.
    module.head.learnt.data.fill_(1.0)
    x_dict = {name: x.clone().requires_grad_() for name, x in whole.x_dict.items()}

    def unify(rows, view):
        states = module.unify(view(whole._replace(x_dict=x_dict)))
        return {name: states[name][index] for name, index in rows.items()}

    rows = task.rows("test")
    logits = task.output(module.head, unify, rows)[0, :-1]
    one, other = rows[0].item(), task._measured[0][rows[0], 0].item()
    for logit, answer in zip(logits, (one, other), strict=True):
        image, text = torch.autograd.grad(
            logit, [x_dict["thing/image"], x_dict["thing/text"]], retain_graph=True
        )
        for gradient, name, seen in ((image, "image", one), (text, "text", answer)):
            entities = graph.nodes[f"thing/{name}"]["entity_index"].to_numpy()
            reached = set(entities[gradient.abs().sum(1).numpy() > 0].tolist())
            assert seen in reached
            unseen = {one, other} - {seen}
            # Of context all may be seen, of test entities the asked side alone, of which neighbours may hear.
            if unseen and not reached & unseen:
                continue
            assert all(_tied(graph, seen, entity) for entity in reached & unseen)


def _tied(graph, one, other):
    """Return whether two things are tied by their images or by their texts, over two steps at the most."""
    step = np.zeros((160, 160), dtype=bool)
    for name in ("looks_like", "says_alike"):
        source, target = graph.edge_index["thing", name, "thing"]
        step[source, target] = step[target, source] = True
    return bool(step[one, other] or (step[one] & step[other]).any())


def test_a_step_asks_for_as_many_wrong_answers_as_the_config_says(graph):
    overrides = [*QUICK, "matching.num_negatives=3", "matching.context=0", "matching.hard_share=1"]
    module = assemble(graph, TASK, resolve_config(model="mlp", overrides=overrides))
    module.task.fit_head(module.head)
    step = module.task.step(module.head, module.unify, GraphBatch.of(graph))
    train = len(module.task.rows("train"))
    assert (step.num_rows, step.output.shape) == (train, (train, 4))
    wanted = torch.zeros(train, 4)
    wanted[:, 0] = 1
    loss = torch.nn.functional.binary_cross_entropy(step.output.sigmoid(), wanted)
    assert step.loss.item() == pytest.approx(loss.item(), rel=1e-5)


def test_training_begins_with_the_closed_form(graph, run):
    module = assemble(graph, TASK, resolve_config(overrides=QUICK))
    task, rows = module.task, module.task.rows("test")
    task.fit_head(module.head)
    output = task.output(module.head, run.unify, rows).detach()
    baseline = BASELINES["closed_form"].fit(task, None)
    found, wanted = (task.metrics(each, rows) for each in (output, baseline.output(rows)))
    for name in ("auroc", "average_precision", "hard_auroc", "random_auroc"):
        assert found[name] == pytest.approx(wanted[name])
    assert found["auroc"] > 0.9
    # What a coin would lose is the logarithm of 2.
    assert task.loss(output, rows) < 0.55


def test_without_it_states_alone_are_compared(graph):
    module = assemble(graph, TASK, resolve_config(overrides=[*QUICK, "matching.ridge=false"]))
    module.task.fit_head(module.head)
    assert not [name for name in module.head.state_dict() if "ridge" in name]
    rows = module.task.rows("test")
    states = [torch.randn(len(rows), 32, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    assert module.task.place(module.head, states, rows).shape == (len(rows), 2, 16 + 1)


def test_a_step_draws_wrong_answers_within_a_fold(graph):
    here, fold = torch.arange(10, 22), torch.tensor([1, 2, 3, 1, 2, 1, 1, 2, 2, 1, 2, 2])
    options = MatchingOptions(num_negatives=5, hard_share=0.5)
    asked, whose = matching_draws.draw_learnt(GraphBatch.of(graph), "thing", here, fold, options)
    # The third is alone in its fold.
    assert sorted(asked.tolist()) == [0, 1, *range(3, 12)]
    assert whose.shape == (11, 5)
    assert torch.equal(fold[whose], fold[asked][:, None].expand(-1, 5))
    assert not (whose == asked[:, None]).any()


def test_samples_with_all_neighbours_measure_what_the_whole_graph_does(graph):
    overrides = [*QUICK, "max_epochs=2"]
    sampled, whole = (
        mg.train(graph, task=TASK, model="hetero_sage", overrides=overrides, batch_size=size)
        for size in (40, 0)
    )
    assert np.isfinite(sampled.history["train_loss"]).all()
    whole.module.load_state_dict(sampled.module.state_dict())
    assert sampled.evaluate("test") == pytest.approx(whole.evaluate("test"), rel=1e-4)


def test_two_trainings_are_the_same_to_the_bit(graph):
    overrides = [*QUICK, "max_epochs=2"]
    runs = [mg.train(graph, task=TASK, model="mlp", overrides=overrides, seed=3) for _ in range(2)]
    one, other = (run.module.state_dict() for run in runs)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_baselines_read_the_two_modalities_alone(graph):
    task = Task.from_graph(graph, TASK)
    rows = task.rows("test")
    fitted = {name: BASELINES[name].fit(task, None) for name in ("chance", "cca", "linear_map")}
    found = {name: task.metrics(each.output(rows), rows) for name, each in fitted.items()}
    assert found["chance"]["auroc"] == pytest.approx(0.5, abs=0.15)
    assert min(found[name]["auroc"] for name in ("cca", "linear_map")) > 0.9
    told = fitted["linear_map"].predictions
    assert told["probability"].between(0, 1).all()
    assert told[told["target"]]["probability"].mean() > told[~told["target"]]["probability"].mean() + 0.2
    # What is a probability is right as often as it says.
    assert found["linear_map"]["accuracy"] > 0.8
    assert task.loss(fitted["linear_map"].output(rows), rows).item() < 0.5


def test_models_are_compared_on_it(graph, tmp_path):
    comparison = mg.compare(
        graph,
        task=TASK,
        models=["chance", "mlp"],
        seeds=1,
        overrides=[*QUICK, "max_epochs=2"],
        out=tmp_path / "cmp",
    )
    assert comparison.headline == "auroc"
    assert "test pairs" in (tmp_path / "cmp" / "report.html").read_text()


@pytest.mark.parametrize(
    ("task", "setting", "message"),
    [
        (
            TASK,
            "contrastive.loss=sigmoid",
            "contrastive.loss: got sigmoid, but 'matching:image,text' is",
        ),
        (
            "image_to_text",
            "matching.hard_share=1",
            "matching.hard_share: got 1.0, but 'image_to_text' is a retrieval and does not ask whether",
        ),
        (TASK, "matching.hard_share=1.5", r"matching\.hard_share"),
    ],
)
def test_settings_of_other_kinds_of_tasks_are_refused(graph, task, setting, message):
    with pytest.raises(ConfigError, match=message):
        mg.train(graph, task=task, overrides=[*QUICK[:-1], setting])


def test_a_name_of_no_task_is_refused(graph):
    with pytest.raises(GraphError, match=r"the graph has no modality 'imgae'\. Did you mean 'image'"):
        mg.train(graph, task="matching:imgae,text")
    with pytest.raises(ConfigError, match="got 'text' on both sides"):
        mg.train(graph, task="matching:text,text")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "matching", "hard_share": 2}, r"tasks\.image_to_text\.hard_share"),
        ({"kind": "matching", "num_negatives": 0}, r"tasks\.image_to_text\.num_negatives"),
        ({"kind": "matching", "answer": "txet"}, "no modality of 'thing' 'txet'. Did you mean 'text'"),
        ({"hard_share": 0.5}, "hard_share"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_the_file(write_two_views, tmp_path, changes, message):
    write_two_views(tmp_path, **changes)
    with pytest.raises(ConfigError, match=message):
        mg.load_dataset(tmp_path)


def test_an_audit_proves_that_neither_side_hears_of_the_other(graph):
    checks = {check.check: check for check in mg.audit(graph, task=TASK).results}
    assert {"own_answer", "copied_sides"} <= checks.keys()
    for name in ("own_answer", "copied_sides"):
        assert not checks[name].skipped
        assert not checks[name].findings


def test_opening_a_run_draws_no_wrong_answers(run, monkeypatch):
    def never(*_):
        raise AssertionError("nothing is measured")

    with monkeypatch.context() as patch:
        patch.setattr(matching_draws, "neighbours_of", never)
        again = mg.load_run(run.folder, graph=run.graph)
        assert again.module.notes == run.module.notes
        with pytest.raises(AssertionError, match="nothing is measured"):
            again.evaluate("test")
    assert again.evaluate("test") == run.evaluate("test")
