"""Retrieval: it learns, no query sees its answer, and what is measured is what the saved weights give."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import mmgraph as mg
from mmgraph.errors import ConfigError, GraphError, MMGraphError, RunError
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Task, gallery, gathered
from mmgraph.tasks.content import Content
from mmgraph.tasks.objectives import related_in
from mmgraph.tasks.ranking import rank
from mmgraph.training import resolve_config
from mmgraph.training.assemble import assemble
from mmgraph.training.module import TaskModule
from tests.training.conftest import Killed

COUNT = 160
QUICK = (
    "model.hidden_channels=32",
    "model.dropout=0.1",
    "model.input_dropout=0",
    "optimiser.lr=0.01",
    "max_epochs=40",
    "device=cpu",
    "contrastive.channels=16",
    # The two views are linear images of the same: linear maps would leave nothing to be learnt.
    "contrastive.ridge=false",
)
FIT = "mmgraph.tasks.pair_task.fit_closed_form"
BY_RIDGE = (*QUICK[:-1], "max_epochs=3")


@pytest.fixture(scope="module")
def graph(two_views):
    return two_views


@pytest.fixture(scope="module")
def run(graph, tmp_path_factory):
    return mg.train(graph, task="image_to_text", overrides=QUICK, out=tmp_path_factory.mktemp("runs") / "run")


def rows_of(graph, split):
    table = graph.nodes["thing"]
    return np.flatnonzero((table["split:image_to_text"] == split) & table["target:image_to_text"].notna())


def test_pairs_that_no_training_has_seen_are_found_in_both_directions(graph, run):
    found = run.evaluate("test")
    size = len(rows_of(graph, "test"))
    chance = sum(1 / rank for rank in range(1, size + 1)) / size
    assert found["gallery_size"] == size
    for direction in ("image_to_text", "text_to_image"):
        assert found[f"{direction}_mrr"] > 4 * chance
        assert (
            found[f"{direction}_recall@1"]
            <= found[f"{direction}_recall@5"]
            <= found[f"{direction}_recall@10"]
        )
        assert found[f"{direction}_median_rank"] < size / 6
    assert found["mrr"] == pytest.approx((found["image_to_text_mrr"] + found["text_to_image_mrr"]) / 2)


def test_what_is_read_from_disk_measures_the_same(run):
    again = mg.load_run(run.folder, graph=run.graph)
    assert again.metrics() == run.metrics() == json.loads((run.folder / "metrics.json").read_text())


def test_the_history_has_what_the_best_weights_give(run):
    best = run.history.set_index("epoch").loc[run.best_epoch]
    assert best["validation_mrr"] == pytest.approx(run.evaluate("validation")["mrr"], rel=1e-5)


def test_predictions_name_the_first_and_the_rank_of_the_right_one(graph, run):
    table = run.predictions()
    assert table["id"].tolist() == graph.nodes["thing"]["id"].tolist()
    test = table[(table["split"] == "test") & table["target"].notna()]
    metrics = run.evaluate("test")
    assert (1 / test["rank"]).mean() == pytest.approx(metrics["image_to_text_mrr"])
    assert (1 / test["rank_back"]).mean() == pytest.approx(metrics["text_to_image_mrr"])
    assert (test["prediction"] == test["target"]).mean() == pytest.approx(metrics["image_to_text_recall@1"])
    assert set(test["prediction"]) <= set(test["id"])
    lacking = table[table["target"].isna()]
    assert len(lacking) == COUNT / 20
    assert lacking[["prediction", "rank", "rank_back"]].isna().all(axis=None)


def test_no_more_scores_are_there_at_a_time_than_memory_has(run, monkeypatch):
    metrics, predictions, sizes = run.metrics(), run.predictions(), []

    def spied(scores, relevant):
        sizes.append(scores.numel())
        return rank(scores, relevant)

    monkeypatch.setattr(gallery, "_MOST_AT_ONCE", 300)
    monkeypatch.setattr(gallery, "rank", spied)
    assert run.metrics() == {split: pytest.approx(found) for split, found in metrics.items()}
    pd.testing.assert_frame_equal(run.predictions(), predictions)
    assert 200 < max(sizes) <= 300


@pytest.mark.parametrize("model", ["hetero_gat", "hetero_sage", "hgt", "cross_modal_transformer", "mlp"])
def test_no_side_of_who_is_asked_for_sees_anything_of_the_other(graph, model):
    """By gradients, which are exact: none leads from a side to what only the other side may see."""
    torch.manual_seed(0)
    config = resolve_config(
        model=model, overrides=[*QUICK, "model.num_layers=2"] if model != "mlp" else QUICK
    )
    view = graph.view("image_to_text")
    module = assemble(view, "image_to_text", config).eval()
    batch = GraphBatch.of(view)
    rows, task = torch.from_numpy(rows_of(graph, "test")), module.task
    nodes = {
        name: graph.nodes[f"thing/{name}"]["entity_index"].to_numpy() for name in ("text", "image", "sound")
    }
    held_out = task.held_out.numpy()
    for side, own in (("query", "image"), ("answer", "text")):
        x_dict = {name: x.clone().requires_grad_() for name, x in batch.x_dict.items()}
        seen = task.sides[side].view(task.held_out)(batch._replace(x_dict=x_dict))
        state = module.unify(seen)["thing"][rows]
        state.square().sum().backward()
        for name, index in nodes.items():
            gradient = x_dict[f"thing/{name}"].grad
            reached = np.zeros(len(index), bool) if gradient is None else gradient.abs().sum(1).numpy() > 0
            assert (reached & held_out[index]).any() == (name == own), (side, name)
        # Nothing is asked of the context, of which all may be seen.
        others = x_dict["thing/sound"].grad
        if model.startswith("h"):
            assert others[~torch.from_numpy(held_out[nodes["sound"]])].abs().sum() > 0


def test_a_training_step_asks_for_some_and_hides_their_other_side(graph):
    module = assemble(graph, "image_to_text", resolve_config(model="hetero_sage", overrides=QUICK))
    batch, seen = GraphBatch.of(graph), []

    def encode(part):
        seen.append(part)
        return module.unify(part)

    step = module.task.step(module.head, encode, batch)
    query, answer = seen
    train = len(module.task.rows("train"))
    assert 0.6 * train < step.num_rows < 0.95 * train
    of = {name: (f"thing/{name}", "of", "thing") for name in ("text", "image", "sound")}
    lost = {name: batch[1][of[name]].shape[1] - query[1][of[name]].shape[1] for name in of}
    asked = step.num_rows + int(module.task.held_out.sum())
    assert lost["image"] == 0
    assert lost["text"] == lost["sound"] == asked
    assert answer[1][of["text"]].shape[1] == batch[1][of["text"]].shape[1]
    assert (
        query[1]["thing", "says_alike", "thing"].shape[1] < batch[1]["thing", "says_alike", "thing"].shape[1]
    )
    assert step.loss.requires_grad


@pytest.mark.parametrize("batch_size", [0, 30])
def test_without_context_nobody_is_ever_seen_as_a_whole(graph, batch_size):
    overrides = [*QUICK, "contrastive.context=0", "max_epochs=2", "model.num_layers=1"]
    run = mg.train(
        graph, task="image_to_text", model="hetero_sage", overrides=overrides, batch_size=batch_size
    )
    task, seen = run.task, []
    unify = run.unify

    def spied(rows, view=None):
        seen.append(view(GraphBatch.of(graph)))
        return unify(rows, view)

    task.output(run.module.head, spied, task.rows("test"))

    def encode(part):
        seen.append(part)
        return run.module.unify(part)

    step = task.step(run.module.head, encode, GraphBatch.of(graph))
    assert step.num_rows == len(task.rows("train"))
    of = [("thing/image", "of", "thing"), ("thing/text", "of", "thing")]
    counts = [[part.edge_index_dict[triple].shape[1] for triple in of] for part in seen]
    assert counts == [[152, 0], [0, 160]] * 2


def test_what_is_seen_of_the_whole_graph_is_the_same_each_time_for_layers_to_know_it(graph):
    config = resolve_config(model="mlp", overrides=[*QUICK, "contrastive.context=0"])
    task, batch, seen = assemble(graph, "image_to_text", config).task, GraphBatch.of(graph), []

    def encode(part):
        seen.append(part)
        return {"thing": torch.zeros(COUNT, 32)}

    for _ in range(2):
        task.step(task.make_head(32), encode, batch)
    assert seen[0] is seen[2]
    assert seen[1] is seen[3]


def test_training_entities_are_measured_without_their_own_answers(graph, run):
    """Else the training split would be all but solved by whoever sees both sides on both sides."""
    task, seen = run.task, {}

    def unify(rows, view=None):
        seen[view] = view(GraphBatch.of(graph)).edge_index_dict["thing/text", "of", "thing"].shape[1]
        return run.unify(rows, view)

    task.output(run.module.head, unify, task.rows("train"))
    assert sorted(seen.values()) == [0, COUNT]


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
@pytest.mark.parametrize("related", ["ignored", "shared"])
def test_what_the_graph_says_of_pairs_takes_part(graph, loss, related):
    overrides = [*QUICK, f"contrastive.loss={loss}", "contrastive.hard_negatives=2", "max_epochs=2"]
    plain = mg.train(graph, task="image_to_text", overrides=overrides)
    aware = mg.train(graph, task="image_to_text", overrides=[*overrides, f"contrastive.related={related}"])
    losses = [run.history["train_loss"].iloc[0] for run in (plain, aware)]
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]


def test_relations_that_make_entities_related_can_be_named(graph):
    overrides = [*QUICK, "contrastive.related=ignored", "max_epochs=2"]
    ties = sorted({t.relation for t in graph.schema.edge_types if (t.source, t.target) == ("thing", "thing")})

    def first_loss(*more):
        run = mg.train(graph, task="image_to_text", overrides=[*overrides, *more])
        return run.history["train_loss"].iloc[0]

    every = first_loss()
    assert first_loss(f"contrastive.related_by=[{', '.join(ties)}]") == every
    with pytest.raises(ConfigError, match=r"contrastive\.related_by: got 'nothing', which is no relation"):
        first_loss("contrastive.related_by=[nothing]")
    with pytest.raises(ConfigError, match="nothing is made of who is tied"):
        first_loss(f"contrastive.related_by=[{ties[0]}]", "contrastive.related=negative")


def test_only_named_relations_tie():
    batch = GraphBatch(
        {"thing": torch.empty(4, 0)},
        {
            ("thing", "near", "thing"): torch.tensor([[0], [1]]),
            ("thing", "rev_near", "thing"): torch.tensor([[1], [0]]),
            ("thing", "far", "thing"): torch.tensor([[2], [3]]),
        },
        {},
        {},
    )
    everybody = torch.arange(4)
    assert related_in(batch, "thing", everybody).tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert related_in(batch, "thing", everybody, by=["near"]).tolist() == [[0, 1], [1, 0]]


@pytest.mark.slow
def test_samples_with_all_neighbours_measure_what_the_whole_graph_does(graph, run):
    sampled = mg.train(graph, task="image_to_text", overrides=QUICK, batch_size=32, fanout=[-1, -1], seed=1)
    whole = mg.train(graph, task="image_to_text", overrides=[*QUICK, "max_epochs=1"], batch_size=0, seed=1)
    whole.module.load_state_dict(sampled.module.state_dict())
    found, wanted = sampled.evaluate("test"), whole.evaluate("test")
    assert found == pytest.approx(wanted, rel=1e-4)
    assert found["mrr"] > 0.2


@pytest.fixture(scope="module")
def by_ridge(graph, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "by_ridge"
    return mg.train(graph, task="image_to_text", overrides=BY_RIDGE, seed=3, out=folder)


def test_training_begins_with_ridge_regression(graph, by_ridge):
    module = assemble(graph, "image_to_text", resolve_config(overrides=BY_RIDGE))
    task, rows = module.task, module.task.rows("test")
    task.fit_head(module.head)
    found = task.metrics(task.output(module.head, by_ridge.unify, rows), rows)
    baseline = BASELINES["closed_form"].fit(task, None)
    assert found == pytest.approx(task.metrics(baseline.output(rows), rows))
    assert found["mrr"] > 0.7


def test_ridge_regression_is_fitted_on_training_entities(graph, monkeypatch):
    task = assemble(graph, "image_to_text", resolve_config(overrides=BY_RIDGE)).task
    asked, of = [], Content.of
    monkeypatch.setattr(Content, "of", lambda content, rows: asked.append(rows) or of(content, rows))
    task.fit_head(task.make_head(32))
    read = set(torch.cat(asked).tolist())
    assert read == set(task.rows("train").tolist())


def test_training_pairs_are_seen_as_maps_without_them_see_them(graph, by_ridge):
    """In training and when they are measured; else they would be found whatever the maps are worth."""
    task, head, seen = by_ridge.task, by_ridge.module.head, []
    hook = head.ridge.register_forward_hook(lambda module, args, output: seen.append(args[2] > 0))
    task.step(head, by_ridge.module.unify, GraphBatch.of(graph))
    for split in ("train", "test"):
        task.output(head, by_ridge.unify, task.rows(split))
    hook.remove()
    assert [(left_out.all().item(), left_out.any().item()) for left_out in seen] == [
        (True, True),
        (True, True),
        (False, False),
    ]


def test_ridge_regression_is_read_from_disk_and_adds_to_batches_too(graph, by_ridge, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(FIT, lambda *_: pytest.fail("it was fitted already"))
        again = mg.load_run(by_ridge.folder, graph=graph)
    assert again.metrics() == by_ridge.metrics()
    sampled = mg.train(graph, task="image_to_text", overrides=BY_RIDGE, batch_size=40)
    assert sampled.evaluate("test")["mrr"] > 0.7
    assert sampled.module.head.learnt != 0


def test_a_training_that_goes_on_fits_nothing_anew(graph, by_ridge, tmp_path, monkeypatch):
    step, options = TaskModule.training_step, {"task": "image_to_text", "seed": 3, "out": tmp_path / "run"}
    overrides = [*BY_RIDGE, "checkpoint_seconds=0"]

    def killed(module, *arguments):
        if module.current_epoch == 2:
            raise Killed
        return step(module, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(TaskModule, "training_step", killed)
        with pytest.raises(Killed):
            mg.train(graph, overrides=overrides, **options)
    monkeypatch.setattr(FIT, lambda *_: pytest.fail("it was fitted already"))
    run = mg.train(graph, overrides=overrides, resume=True, **options)
    assert run.metrics() == by_ridge.metrics()
    weights = [one.module.state_dict() for one in (run, by_ridge)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_run_whose_regression_is_not_in_its_weights_is_not_opened(graph, by_ridge, tmp_path):
    shutil.copytree(by_ridge.folder, tmp_path / "run")
    file = tmp_path / "run" / "model.safetensors"
    weights = {name: value for name, value in load_file(file).items() if ".ridge.back." not in name}
    save_file(weights, file)
    with pytest.raises(RunError, match=r"ridge\.back\.weight: got nothing; .* Train again what an earlier"):
        mg.load_run(tmp_path / "run", graph=graph)


def test_a_pretraining_refuses_to_begin_with_ridge_regression(graph):
    with pytest.raises(ConfigError, match=r"ridge: got False, but 'pretrain' .* begins with no regression"):
        mg.train(graph, task="pretrain", overrides=["contrastive.ridge=false", "device=cpu"])


def test_two_trainings_are_the_same_to_the_bit(graph, by_ridge):
    runs = [by_ridge, mg.train(graph, task="image_to_text", overrides=BY_RIDGE, seed=3)]
    one, other = (run.module.state_dict() for run in runs)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_says_what_it_is_about(graph, run):
    described = json.loads((run.folder / "run.json").read_text())["target"]
    assert described["kind"] == "retrieval"
    assert described["directions"] == ["image_to_text", "text_to_image"]
    assert described["gallery_sizes"]["test"] == len(rows_of(graph, "test"))
    lacking = (graph.nodes["thing"]["target:image_to_text"].isna()).sum()
    assert any(note.startswith(f"{lacking} entities lack image or text") for note in run.module.notes)


def test_content_that_two_entities_share_is_told(graph, run):
    task, rows = run.task, rows_of(graph, "test")
    for modality, content in zip(("image", "text"), task.content, strict=True):
        vectors = content.of(torch.from_numpy(np.asarray(rows))).numpy()
        alike = (vectors[:, None] == vectors[None]).all(axis=2).sum(axis=1) > 1
        told = [note for note in task.notes if f"share their {modality} with another one" in note]
        assert bool(told) == bool(alike.any())
        assert not told or told[0].startswith(f"{alike.sum()} of {len(rows)} test entities")


def test_predicting_single_entities_is_refused(run):
    with pytest.raises(ConfigError, match="is retrieval, which says nothing of a single entity"):
        mg.predict(run, [{"id": "new"}])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"query": "imgae"},
            r"tasks.image_to_text.query: .*no modality of 'thing' 'imgae'. Did you mean 'image'",
        ),
        ({"answer": "image"}, "got 'image' on both sides, which would give each other away"),
        (
            {"query_with": ["besides"]},
            r"query_with\[0\]: there is no modality or relation 'besides'.*'beside'",
        ),
        ({"query_with": ["beside"], "answer_with": ["beside"]}, "got 'beside' on both sides"),
        ({"target": "colour"}, "target"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_the_file(write_two_views, tmp_path, changes, message):
    write_two_views(tmp_path, **changes)
    with pytest.raises(ConfigError, match=message):
        mg.load_dataset(tmp_path)


SOUNDS = {"sounds_alike": {"builder": "knn", "on": "thing/sound", "k": 3, "connect": "entity"}}
FURTHER = {"further": {"builder": "meta_path", "path": ["beside", "beside"]}}
BESIDE_ALIKE = {"beside_alike": {"builder": "meta_path", "path": ["looks_like", "beside"]}}


@pytest.fixture
def task_of(write_two_views, tmp_path):
    """Return a function that makes the retrieval of a dataset with more relations and other keys."""

    def make(relations, **changes):
        file = write_two_views(tmp_path, **changes) / "dataset.yaml"
        spec = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump(spec | {"relations": spec["relations"] | relations}))
        graph = mg.build_graph(mg.load_dataset(tmp_path), cache=False, previews=False)
        return Task.from_graph(graph, "image_to_text")

    return make


@pytest.mark.parametrize(
    ("relations", "changes", "message"),
    [
        (
            {},
            {"query_with": ["says_alike"]},
            "image_to_text: both sides see 'thing/text', the query by 'says_alike' and the answer as it is",
        ),
        (
            SOUNDS,
            {"query_with": ["sound"], "answer_with": ["sounds_alike"]},
            "see 'thing/sound', the query as it is and the answer by 'sounds_alike'",
        ),
        (
            FURTHER,
            {"query_with": ["beside"], "answer_with": ["further"]},
            "see 'beside', the query as it is and the answer by 'further'",
        ),
        # Made from pictures, so that the query sees it unnamed.
        (
            BESIDE_ALIKE,
            {"answer_with": ["beside"]},
            "see 'beside', the query by 'beside_alike' and the answer as it is",
        ),
    ],
)
def test_what_both_sides_see_by_different_names_is_refused(task_of, relations, changes, message):
    with pytest.raises(GraphError, match=message):
        task_of(relations, **changes)


def test_what_one_side_sees_in_several_ways_is_accepted(task_of):
    task = task_of(SOUNDS | FURTHER, query_with=["sound", "sounds_alike"], answer_with=["beside", "further"])
    assert {"sounds_alike", "thing/sound"} <= task.sides["query"].origins.keys()


def test_what_the_task_hides_gives_nothing_away(task_of):
    task = task_of(BESIDE_ALIKE, answer_with=["beside"], without={"relations": ["beside_alike"]})
    assert "beside" not in task.sides["query"].origins


def test_a_graph_that_was_built_without_a_modality_is_refused(graph):
    with pytest.raises(GraphError, match=r"tasks.image_to_text.answer: the graph has no modality 'text'"):
        Task.from_graph(graph.without(modalities=["text"]), "image_to_text")


def test_a_saved_graph_has_the_task(graph, tmp_path):
    graph.save(tmp_path / "graph")
    again = mg.load_graph(tmp_path / "graph")
    assert again.tasks == graph.tasks
    assert again.fingerprint() == graph.fingerprint()
    assert mg.summarise(again)["tasks"]["image_to_text"]["labelled"] == COUNT - COUNT // 20


@pytest.mark.parametrize(
    ("task", "setting", "message"),
    [
        (
            "image_to_text",
            "loss=focal",
            "loss: got focal, but 'image_to_text' is a retrieval and has no classes",
        ),
        ("image_to_text", "links.decoder=mlp", "links.decoder: got mlp"),
        (
            "colour",
            "contrastive.loss=sigmoid",
            "contrastive.loss: got sigmoid, but 'colour' is a classification",
        ),
        (
            "link:beside",
            "contrastive.channels=8",
            "contrastive.channels: got 8, but 'link:beside' is a link_pred",
        ),
    ],
)
def test_settings_of_other_kinds_of_tasks_are_refused(graph, task, setting, message):
    with pytest.raises(ConfigError, match=message):
        mg.train(graph, task=task, overrides=[*QUICK[:-2], setting])


def test_a_task_that_nobody_has_prepared_is_that_of_its_name(graph, run):
    overrides = [*QUICK, "max_epochs=2"]
    named = mg.train(graph, task="image_to_text", overrides=overrides)
    for task in ("retrieval:image,text", "retrieval:thing/image,thing/text"):
        unprepared = mg.train(graph, task=task, overrides=overrides)
        assert unprepared.metrics() == named.metrics()
        assert unprepared.task.labels.task == task


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("retrieval:imgae,text", "the graph has no modality 'imgae'. Did you mean 'image'"),
        ("retrieval:image,image", "got 'image' on both sides"),
    ],
)
def test_a_name_of_no_task_is_refused(graph, task, message):
    with pytest.raises(MMGraphError, match=message):
        mg.train(graph, task=task, overrides=QUICK)


def test_models_are_compared_on_it(graph, tmp_path):
    comparison = mg.compare(
        graph,
        task="image_to_text",
        models=["mlp", "hetero_gat"],
        controls="none",
        seeds=1,
        overrides=[*QUICK, "max_epochs=3"],
        out=tmp_path / "cmp",
    )
    assert comparison.headline == "mrr"
    page = (tmp_path / "cmp" / "report.html").read_text()
    assert "test entities" in page


@pytest.mark.slow
@pytest.mark.parametrize(("ridge", "chunk"), [("true", "null"), ("false", "null"), ("true", "2")])
def test_entities_stand_against_those_of_all_processes(graph, tmp_path, monkeypatch, ridge, chunk):
    """Two processes have the losses and the weights of one, though each has half of a batch."""
    graph.save(tmp_path / "graph")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    overrides = [
        *QUICK,
        "model.dropout=0",
        "max_epochs=3",
        "optimiser.name=sgd",
        "contrastive.context=0",
        f"contrastive.ridge={ridge}",
        f"contrastive.chunk={chunk}",
        "report_to=csv",
    ]
    # The last batch has one entity, so that one of the two processes has none.
    options = {"task": "image_to_text", "model": "hetero_sage", "batch_size": 11, "fanout": [-1, -1]}
    one = mg.train("graph", overrides=overrides, out="one", **options)
    two = mg.train("graph", overrides=overrides, out="two", devices=2, **options)
    assert len(one.task.rows("train")) % 11 == 1
    losses = [pd.read_csv(tmp_path / run / "csv" / "steps.csv")["loss"].to_numpy() for run in ("one", "two")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0, atol=1e-4)
    weights = [run.module.state_dict() for run in (one, two)]
    for name, value in weights[0].items():
        assert torch.allclose(weights[1][name], value, rtol=0, atol=1e-4), name
    assert two.evaluate("test") == pytest.approx(one.evaluate("test"), rel=1e-3)


def test_what_is_related_within_a_process_is_related_among_all(monkeypatch):
    pairs = [torch.tensor([[0, 1], [1, 0]]), torch.empty(2, 0, dtype=torch.int64), torch.tensor([[2], [0]])]
    monkeypatch.setattr(gathered, "gather", lambda own: [part.T for part in pairs])
    assert gathered.gather_pairs(pairs[0], [2, 1, 3]).T.tolist() == [[0, 1], [1, 0], [5, 3]]
