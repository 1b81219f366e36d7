"""Encoders trained with the model: what the frozen one is blind to is learnt, kept, resumed and served."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from mmgraph.cli.main import run as run_command
from mmgraph.encoders.fine_tuned import FineTuned
from mmgraph.errors import ConfigError, DataError, RunError
from mmgraph.evaluation.robustness.noise import noise_curves
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph import load_graph
from mmgraph.graph.build import build_graph
from mmgraph.graph.keep import keep
from mmgraph.serving.predictor import Predictor
from mmgraph.training import load_run, train
from mmgraph.training.module import TaskModule

torch = pytest.importorskip("torch")

WORDS = ["red", "green", "small", "large", "circle", "square", "up", "down"]
NUM_ITEMS = 72
QUICK = (
    "model.hidden_channels=16",
    "model.dropout=0",
    "model.input_dropout=0",
    "optimiser.lr=0.01",
    "encoders.lr=0.01",
    "device=cpu",
    "max_epochs=40",
    "report_to=none",
)


def blind_text_model(tiny_models, folder):
    """A model that holds two words for the same."""
    tiny_models.text_model("bert", WORDS, folder)
    file = folder / "model.safetensors"
    weights = load_file(file)
    rows = weights["embeddings.word_embeddings.weight"]
    rows[5 + WORDS.index("down")] = rows[5 + WORDS.index("up")]
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def blind_image_model(tiny_models, folder):
    """A model that does not see blue."""
    tiny_models.image_model("vit", folder)
    file = folder / "model.safetensors"
    weights = load_file(file)
    weights["embeddings.patch_embeddings.projection.weight"][:, 2] = 0
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def write_dataset(folder, modality, column):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    ids = [f"i{row}" for row in range(NUM_ITEMS)]
    table = pd.DataFrame({"id": ids, "seen": column, "way": ["up", "down"] * (NUM_ITEMS // 2)})
    table["part"] = rng.permutation(["train", "train", "validation", "test"] * (NUM_ITEMS // 4))
    table.to_csv(folder / "items.csv", index=False)
    ends = rng.integers(0, NUM_ITEMS, size=(2, NUM_ITEMS))
    pairs = pd.DataFrame({"source": np.array(ids)[ends[0]], "target": np.array(ids)[ends[1]]})
    pairs.drop_duplicates().to_csv(folder / "beside.csv", index=False)
    spec = {
        "name": "blind",
        "entities": {"item": {"table": "items.csv", "modalities": {"seen": modality}}},
        "relations": {
            "beside": {"builder": "table", "table": "beside.csv", "source": "item", "target": "item"},
            "alike": {"builder": "knn", "on": "item/seen", "k": 2, "connect": "entity"},
        },
        "splits": {"fixed": {"kind": "column", "entity": "item", "column": "part"}},
        "tasks": {"way": {"entity": "item", "target": "way", "split": "fixed"}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return folder


def texts():
    """Texts whose last word alone tells which way they go."""
    rng = np.random.default_rng(1)
    return [
        " ".join([*rng.choice(WORDS[:6], size=rng.integers(1, 4)), ["up", "down"][row % 2]])
        for row in range(NUM_ITEMS)
    ]


@pytest.fixture(scope="module")
def text_graph(tiny_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    model = blind_text_model(tiny_models, folder / "model")
    encoder = {"name": "text_transformer", "model": str(model), "trainable": True}
    write_dataset(folder / "data", {"kind": "text", "column": "seen", "encoder": encoder}, texts())
    return build_graph(folder / "data", cache=False, out=folder / "graph")


@pytest.fixture(scope="module")
def text_run(text_graph, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return train(text_graph, task="way", model="hetero_gat", overrides=[*QUICK, "batch_size=0"], out=out)


def test_the_graph_keeps_tokens_beside_the_features_of_the_frozen_model(text_graph):
    inputs = load_graph(text_graph.folder).inputs["item/seen"]
    assert inputs.dtype == np.int32
    assert inputs.shape == (NUM_ITEMS, 2 + 4)
    rows = np.array(texts())
    order = [list(text_graph.nodes["item"]["id"]).index(f"i{row}") for row in range(NUM_ITEMS)]
    assert ((inputs[order] >= 0).sum(axis=1) == [len(text.split()) + 2 for text in rows]).all()
    encoder = text_graph.encoders["item/seen"]
    tuned = FineTuned(encoder, torch.from_numpy(inputs[:1].copy()), batch_size=5).eval()
    with torch.no_grad():
        made = tuned(torch.from_numpy(inputs.copy())).numpy()
    np.testing.assert_allclose(made, text_graph.features["item/seen"], atol=1e-4)


def test_what_the_frozen_encoder_is_blind_to_is_learnt(text_run, text_graph):
    assert text_run.evaluate("test")["accuracy"] > 0.9
    frozen = train(
        text_graph, task="way", model="mlp", overrides=[*QUICK, "batch_size=0", "encoders.trainable=false"]
    )
    assert frozen.evaluate("test")["accuracy"] < 0.8
    assert not frozen.module.model.encoders


def test_sampled_batches_train_it_as_well(text_graph):
    run = train(
        text_graph, task="way", model="hetero_gat", overrides=[*QUICK, "batch_size=12", "max_epochs=25"]
    )
    assert run.config.fanout
    assert run.evaluate("test")["accuracy"] > 0.9


def test_a_saved_run_has_the_tuned_encoder_and_answers_for_new_texts(text_run, text_graph, tmp_path):
    run = load_run(text_run.folder)
    assert run.evaluate("test") == text_run.evaluate("test")
    assert "the encoder of item/seen is trained as well, with the learning rate 0.01" in run.module.notes
    weights = load_file(text_run.folder / "model.safetensors")
    assert any("encoders" in name and "word_embeddings" in name for name in weights)
    assert not any("pooler" in name for name in weights), "what gets no gradient is that of the folder"
    _, vectors = run.embed("item")
    assert vectors.tobytes() == text_run.embed("item")[1].tobytes()
    # The frozen model takes them for one text, so that they have the same neighbours.
    new = [{"id": "n0", "seen": "small circle up"}, {"id": "n1", "seen": "small circle down"}]
    answers = Predictor(run).predict(new)
    up = [dict(zip(run.task.classes, row, strict=True))["up"] for row in answers["probabilities"]]
    assert up[0] > up[1] + 0.1
    # Its company changes nothing.
    alone = Predictor(run).predict(new[1:])
    np.testing.assert_allclose(alone["probability"], answers["probability"][1:], atol=1e-5)


@pytest.mark.parametrize("missing", ["absent", "token"])
def test_new_texts_are_read_by_the_tuned_encoder(text_graph, missing):
    overrides = [*QUICK, "batch_size=0", f"model.missing={missing}"]
    predictor = Predictor(train(text_graph, task="way", model="mlp", overrides=overrides))
    assert (predictor.whole_graph is None) == (missing == "absent")
    new = [
        {"id": "n0", "seen": "small circle up"},
        {"id": "n1", "seen": "small circle down"},
        {"id": "n2", "seen": "red large green square up"},
        {"id": "n3"},
    ]
    assert list(predictor.predict(new)["prediction"])[:3] == ["up", "down", "up"]


def test_new_texts_do_not_pass_the_frozen_model_where_nothing_reads_it(text_graph, monkeypatch):
    quick = [*QUICK, "batch_size=0", "max_epochs=1", "without.relations=[alike]"]
    run = train(text_graph, task="way", model="hetero_gat", overrides=quick)
    monkeypatch.setattr(text_graph.encoders["item/seen"], "describe", None)
    answers = Predictor(run).predict([{"id": "new", "seen": "red up"}])
    assert answers["prediction"].isin(["up", "down"]).all()


def test_lora_changes_little_and_keeps_less(text_graph, tmp_path):
    pytest.importorskip("peft")
    overrides = [*QUICK, "batch_size=0", "encoders.trainable=lora", "encoders.lora_rank=2", "max_epochs=3"]
    run = train(text_graph, task="way", model="hetero_gat", overrides=overrides, out=tmp_path / "run")
    tuned = run.module.model.encoders["item/seen"]
    trained = {name for name, weight in tuned.named_parameters() if weight.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    # A step has moved them all.
    assert all(weight.abs().sum() > 0 for weight in tuned.trained)
    kept = [name for name in load_file(tmp_path / "run" / "model.safetensors") if "encoders" in name]
    assert len(kept) == len(trained) + 1
    assert load_run(tmp_path / "run").evaluate("test") == run.evaluate("test")


@pytest.mark.parametrize("batch_size", [0, 18])
def test_a_killed_training_goes_on_to_the_same_weights(text_graph, tmp_path, monkeypatch, batch_size):
    class Killed(Exception):
        pass

    step = TaskModule.training_step
    steps = 0

    def counted(*arguments):
        nonlocal steps
        steps += 1
        if steps == 3:
            raise Killed
        return step(*arguments)

    overrides = [*QUICK, f"batch_size={batch_size}", "max_epochs=3", "checkpoint_seconds=0", "ema=0.5"]
    overrides += ["encoders.batch_size=7"]
    whole = train(text_graph, task="way", overrides=overrides, out=tmp_path / "whole")
    monkeypatch.setattr(TaskModule, "training_step", counted)
    with pytest.raises(Killed):
        train(text_graph, task="way", overrides=overrides, out=tmp_path / "run")
    monkeypatch.setattr(TaskModule, "training_step", step)
    train(text_graph, task="way", overrides=overrides, out=tmp_path / "run", resume=True)
    for name in ("model.safetensors", "last.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (whole.folder / name).read_bytes()


def test_the_encoder_has_a_learning_rate_of_its_own(text_graph):
    before = text_graph.encoders["item/seen"].network().state_dict()
    run = train(
        text_graph,
        task="way",
        overrides=[*QUICK, "batch_size=0", "max_epochs=1", "encoders.lr=1e-6", "optimiser.weight_decay=0"],
    )
    after = run.module.model.encoders["item/seen"].network.state_dict()
    moved = max((after[name] - weight).abs().max() for name, weight in before.items())
    assert 0 < moved < 2e-6


def test_items_some_at_a_time_give_the_same_gradient(text_graph):
    inputs = torch.from_numpy(text_graph.inputs["item/seen"][:9].copy())
    gradients = []
    for batch_size in (2, 9):
        tuned = FineTuned(text_graph.encoders["item/seen"], inputs[:1], batch_size=batch_size).train()
        for part in tuned.network.modules():
            # Its attention has dropout of its own.
            part.training = False
        (tuned(inputs) ** 2).sum().backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in tuned.trained]))
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)


def test_another_model_in_the_folder_is_refused(text_run, text_graph):
    file = Path(text_graph.encoders["item/seen"].model) / "tokenizer_config.json"
    content = file.read_text()
    try:
        file.write_text(content + "\n")
        with pytest.raises(DataError, match=r"others than when it was fine-tuned.*train anew"):
            load_run(text_run.folder)
    finally:
        file.write_text(content)


def test_what_was_tuned_begins_another_training_of_the_same_files_alone(text_graph, tmp_path):
    quick = [*QUICK, "batch_size=0", "max_epochs=1", "encoders.trainable=lora"]
    first = train(text_graph, task="way", overrides=quick, out=tmp_path / "first")
    (own,) = first.module.model.encoders

    def note(*more):
        run = train(text_graph, task="way", overrides=[*quick, f"init_from={first.folder}", *more])
        return next(note for note in run.module.notes if note.startswith("began with"))

    assert note().endswith("weights of the run way, full")
    assert note("encoders.trainable=false").endswith("; its fine-tuned encoders of item/seen are left out")
    file = Path(text_graph.encoders[own].model) / "tokenizer_config.json"
    content = file.read_text()
    try:
        file.write_text(content + "\n")
        assert "; new are encoders.item/seen.network" in note()
    finally:
        file.write_text(content)


def test_training_wants_a_graph_with_inputs(make_graph, quick):
    graph = make_graph(np.arange(60) % 3, signal=1.0)
    with pytest.raises(ConfigError, match=r"encoders.trainable: got True, but .*`trainable: true`"):
        train(graph, task="colour", overrides=[*quick, "encoders.trainable=true"])


def test_noise_in_place_of_features_leaves_an_encoder_nothing_to_read(text_graph):
    noisy = text_graph.with_noise(0)
    assert not noisy.inputs
    with pytest.raises(ConfigError, match="the graph keeps what an encoder reads"):
        train(noisy, task="way", overrides=[*QUICK, "encoders.trainable=true"])


def test_what_is_fitted_in_closed_form_reads_frozen_features_of_changed_graphs_too(text_graph, tmp_path):
    encoder = text_graph.manifest["encoders"]["item/seen"]
    encoder = encoder["parameters"] | {"name": encoder["encoder"]}
    folder = write_dataset(tmp_path / "data", {"kind": "text", "column": "seen", "encoder": encoder}, texts())
    spec = yaml.safe_load((folder / "dataset.yaml").read_text())
    spec["entities"]["item"]["modalities"]["words"] = {"kind": "text", "column": "seen"}
    spec["tasks"] = {
        "find": {"kind": "retrieval", "entity": "item", "query": "seen", "answer": "words", "split": "fixed"}
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    graph = build_graph(folder, cache=False)
    run = train(graph, task="find", model="mlp", overrides=[*QUICK, "batch_size=0", "max_epochs=2"])
    subject = Subject.of(run, "test", doing="--robustness")
    own, read = (each.features["item/seen"] for each in (graph, subject.graph))
    assert np.abs(own - read).max() > 0.01
    assert torch.equal(subject.output(keep(subject.graph, change={})), subject.output())
    noisy = next(g for what, level, g in noise_curves(subject, (2.0,), 0) if what == "seen")
    with subject._content_of(noisy):
        moved = run.task.content[0].of(subject.rows).numpy() - own[subject.rows]
    noise = (noisy.features["item/seen"] - read)[subject.rows]
    assert np.abs(noise).max() > 1
    np.testing.assert_allclose(moved, noise, atol=1e-5)


def test_memory_advice_names_the_encoder(text_graph, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(FineTuned, "forward", full)
    with pytest.raises(RunError, match=r"encoders.batch_size 32.*Try .*encoders.batch_size 16.*lora"):
        train(text_graph, task="way", overrides=[*QUICK, "batch_size=0"])


def test_images_are_learnt_from_their_pixels(tiny_models, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    names = []
    for row in range(NUM_ITEMS):
        picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture[..., 2] = 200 if row % 2 else 40
        names.append(f"{row}.png")
        Image.fromarray(picture).resize((36, 36)).save(tmp_path / "data" / names[-1])
    model = blind_image_model(tiny_models, tmp_path / "model")
    encoder = {"name": "image_transformer", "model": str(model), "pooling": "mean", "trainable": True}
    write_dataset(tmp_path / "data", {"kind": "image", "column": "seen", "encoder": encoder}, names)
    graph = build_graph(tmp_path / "data", cache=False)
    inputs = graph.inputs["item/seen"]
    assert (inputs.dtype, inputs.shape) == (np.uint8, (NUM_ITEMS, 3, 32, 32))
    tuned = FineTuned(graph.encoders["item/seen"], torch.from_numpy(inputs[:1]), batch_size=5).eval()
    with torch.no_grad():
        made = tuned(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(made, graph.features["item/seen"], atol=1e-4)
    run = train(graph, task="way", model="mlp", overrides=[*QUICK, "batch_size=0", "max_epochs=12"])
    assert run.evaluate("test")["accuracy"] > 0.9


def test_sentence_transformers_are_trained_alike(make_sentence_transformer, tmp_path):
    model = make_sentence_transformer(WORDS)
    encoder = {"name": "sentence_transformer", "model": str(model), "trainable": True}
    write_dataset(tmp_path / "data", {"kind": "text", "column": "seen", "encoder": encoder}, texts())
    graph = build_graph(tmp_path / "data", cache=False)
    inputs = torch.from_numpy(graph.inputs["item/seen"])
    tuned = FineTuned(graph.encoders["item/seen"], inputs[:1]).eval()
    with torch.no_grad():
        np.testing.assert_allclose(tuned(inputs).numpy(), graph.features["item/seen"], atol=1e-4)
    before = tuned.trained[0].clone()
    run = train(graph, task="way", overrides=[*QUICK, "batch_size=0", "max_epochs=2"])
    assert not torch.equal(run.module.model.encoders["item/seen"].trained[0], before)


def test_yaml_and_the_command_line_say_it(text_graph, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))
    config, out = tmp_path / "tuned.yaml", tmp_path / "run"
    config.write_text(
        "model: {name: mlp, hidden_channels: 16}\nmax_epochs: 2\nencoders: {trainable: true, lr: 0.001}\n"
    )
    options = ["--set", "encoders.batch_size=16", "--set", "device=cpu", "--json"]
    graph = ["train", str(text_graph.folder), "--task", "way", "--config", str(config), "--out", str(out)]
    assert run_command([*graph, *options]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "way"
    kept = yaml.safe_load((out / "config.yaml").read_text())["encoders"]
    assert (kept["trainable"], kept["lr"], kept["batch_size"]) == (True, 0.001, 16)
    assert load_run(out).module.model.encoders


@pytest.mark.slow
def test_two_processes_train_one_encoder(text_graph, tmp_path):
    overrides = [*QUICK, "batch_size=18", "max_epochs=3", "devices=2", "encoders.batch_size=5"]
    run = train(text_graph.folder, task="way", model="mlp", overrides=overrides, out=tmp_path / "run")
    frozen = text_graph.encoders["item/seen"].network().state_dict()
    tuned = run.module.model.encoders["item/seen"].network.state_dict()
    name = "model.embeddings.word_embeddings.weight"
    assert not torch.equal(tuned[name], frozen[name])
