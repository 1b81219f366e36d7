"""Pre-training: each objective learns, and what it has learnt is a beginning for another task."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import mmgraph as mg
from mmgraph.errors import ConfigError, MMGraphError, RunError
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.schema import GraphSchema
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Task, TaskOptions
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.pretext import PRETEXTS, LinkReconstruction
from mmgraph.tasks.pretext.classes import read_classes
from mmgraph.training import resolve_config
from mmgraph.training.assemble import assemble

QUICK = (
    "model.hidden_channels=32",
    "model.dropout=0.1",
    "model.input_dropout=0",
    "optimiser.lr=0.01",
    "max_epochs=30",
    "device=cpu",
    "report_to=none",
)


@pytest.fixture(scope="module")
def graph(two_views):
    return two_views


@pytest.fixture(scope="module")
def pretrained(graph, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "pretrained"
    return mg.train(graph, task="pretrain", model="hetero_sage", overrides=QUICK, out=out)


def only(objective):
    return [*QUICK, f"objectives.{objective}=1"]


@pytest.fixture(scope="module")
def alike(write_two_views, tmp_path_factory):
    """Return the graph without the relation at random, which nobody can know the edges of."""
    folder = tmp_path_factory.mktemp("alike")
    file = write_two_views(folder) / "dataset.yaml"
    spec = yaml.safe_load(file.read_text())
    del spec["relations"]["beside"]
    file.write_text(yaml.safe_dump(spec))
    return mg.build_graph(mg.load_dataset(folder), cache=None)


@pytest.mark.parametrize("objective", sorted(PRETEXTS))
def test_each_objective_is_learnt(alike, objective):
    run = mg.train(alike, task="pretrain", model="hetero_sage", overrides=only(objective))
    torch.manual_seed(run.config.seed)
    fresh = assemble(alike, "pretrain", run.config).eval()
    rows = fresh.task.rows("test")
    output = fresh.task.output(fresh.head, functools.partial(run._inference.unify, fresh.model), rows)
    before, after = fresh.task.metrics(output, rows), run.evaluate("test")
    # The least that a contrastive loss can be is far above 0.
    assert after[f"{objective}_loss"] < 0.95 * before[f"{objective}_loss"]
    assert set(after) == {"weighted_loss", f"{objective}_loss"}


@pytest.mark.parametrize("objective", sorted(PRETEXTS))
def test_what_is_measured_does_not_change_from_one_time_to_the_next(graph, pretrained, objective):
    config = resolve_config(model="hetero_sage", overrides=only(objective))
    module = assemble(graph, "pretrain", config)
    rows = module.task.rows("test")
    one, other = (module.task.output(module.head, pretrained.unify, rows) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("objective", sorted(PRETEXTS))
def test_samples_with_all_neighbours_measure_what_the_whole_graph_does(graph, objective):
    overrides = [*only(objective), "max_epochs=2"]
    if PRETEXTS[objective].only_whole:
        with pytest.raises(ConfigError, match=f"batch_size: got 40, but {objective} asks for edges between"):
            mg.train(graph, task="pretrain", model="hetero_sage", overrides=overrides, batch_size=40)
        return
    sampled = mg.train(graph, task="pretrain", model="hetero_sage", overrides=overrides, batch_size=40)
    whole = mg.train(graph, task="pretrain", model="hetero_sage", overrides=overrides, batch_size=0)
    whole.module.load_state_dict(sampled.module.state_dict())
    found = sampled.evaluate("test")
    assert np.isfinite(list(found.values())).all()
    if objective != "infomax":
        # Which deals out the features of a sample.
        assert found == pytest.approx(whole.evaluate("test"), rel=1e-4)


def pretext_of(graph, objective):
    torch.manual_seed(0)
    config = resolve_config(model="hetero_sage", overrides=only(objective))
    module = assemble(graph, "pretrain", config).eval()
    return module, module.task._pretexts[objective]


def test_a_masked_modality_is_not_seen_of_whom_it_is_asked(graph, monkeypatch):
    """By gradients, which are exact: none leads from an asked state to what is asked for."""
    module, pretext = pretext_of(graph, "masked_modality")
    seen, asked = [], []

    def encode(part):
        x_dict = {name: x.clone().requires_grad_() for name, x in part.x_dict.items()}
        states = module.unify(part._replace(x_dict=x_dict))
        seen.append((x_dict, states["thing"]))
        return states

    content = pretext.subject.content
    for name, held in content.items():
        of = type(held).of
        monkeypatch.setattr(
            held, "of", lambda rows, held=held, of=of, name=name: asked.append((name, rows)) or of(held, rows)
        )
    rows = module.task.rows("train")
    for _ in range(16):
        pretext.step(module.head["masked_modality"], encode, GraphBatch.of(graph), rows, rows)
    assert {name for name, _ in asked} == set(content)
    for (x_dict, states), (name, chosen) in zip(seen, asked, strict=True):
        entities = torch.tensor(graph.nodes[f"thing/{name}"]["entity_index"].to_numpy())
        (gradient,) = torch.autograd.grad(states[chosen].square().sum(), x_dict[f"thing/{name}"])
        reached, hidden = gradient.abs().sum(1) > 0, torch.isin(entities, chosen)
        assert len(rows) / 4 < len(chosen) < 3 * len(rows) / 4
        assert not reached[hidden].any()
        # Of the others it is seen, by those whom a relation ties to them.
        assert reached[~hidden].any()


def test_a_pair_is_hidden_with_what_it_is_a_pair_of(graph):
    types = tuple(
        dataclasses.replace(t, made_from=("thing/text", "thing/other")) if t.name == "thing/image" else t
        for t in graph.schema.node_types
    )
    pairs = dataclasses.replace(graph, schema=GraphSchema(types, graph.schema.edge_types))
    plain, paired = (pretext_of(one, "masked_modality")[1]._sides for one in (graph, pairs))
    assert plain["text"].modalities - paired["text"].modalities == {"image"}
    assert paired["image"].modalities == plain["image"].modalities
    assert "text" in paired["image"].modalities


def test_masked_values_are_zero_where_they_are_asked_for_and_nowhere_else(graph):
    _, pretext = pretext_of(graph, "masked_features")
    batch, rows = GraphBatch.of(graph), torch.tensor([1, 2, 7])
    masked = torch.rand(3, 12) < 0.5
    seen = pretext._view("image", rows, masked)(batch).x_dict
    entities = graph.nodes["thing/image"]["entity_index"].tolist()
    for node, entity in enumerate(entities):
        before, after = batch.x_dict["thing/image"][node], seen["thing/image"][node]
        hidden = masked[rows.tolist().index(entity)] if entity in rows.tolist() else torch.zeros(12).bool()
        assert torch.equal(after, before.masked_fill(hidden, 0))
    assert seen["thing/text"] is batch.x_dict["thing/text"]


def test_alignment_shows_one_modality_at_a_time(graph):
    module, pretext = pretext_of(graph, "contrastive")
    seen = []

    def encode(part):
        seen.append(part)
        return module.unify(part)

    rows, batch = module.task.rows("train"), GraphBatch.of(graph)
    pretext.step(module.head["contrastive"], encode, batch, rows, rows)
    of = {name: (f"thing/{name}", "of", "thing") for name in ("text", "image", "sound")}
    whole = {name for part in seen for name in of if part[1][of[name]].shape == batch[1][of[name]].shape}
    assert len(seen) == len(whole) == 3
    for part in seen:
        assert sum(part[1][of[name]].shape == batch[1][of[name]].shape for name in of) == 1


@pytest.mark.parametrize("related", ["negative", "ignored"])
def test_alignment_is_a_mean_over_every_two_modalities_of_who_has_both(graph, related):
    torch.manual_seed(0)
    overrides = [*only("contrastive"), "contrastive.context=0", f"contrastive.related={related}"]
    module = assemble(graph, "pretrain", resolve_config(model="hetero_sage", overrides=overrides)).eval()
    head, rows, batch = module.head["contrastive"], module.task.rows("train"), GraphBatch.of(graph)
    pretext, contrast = module.task._pretexts["contrastive"], Contrast(related=related)
    found = pretext.step(head, module.unify, batch, rows, rows)
    has = {name: set(graph.nodes[f"thing/{name}"]["entity_index"]) for name in ("image", "sound", "text")}
    states = {
        name: module.unify(pretext._sides[name].view(torch.ones(160).bool())(batch))["thing"] for name in has
    }
    losses, sizes = [], set()
    for names in itertools.combinations(pretext.subject.content, 2):
        both = torch.tensor([row for row in rows.tolist() if row in has[names[0]] & has[names[1]]])
        sizes.add(len(both))
        one, other = (head.maps[name](states[name][both]) for name in names)
        vectors = head.scale(one, other)
        losses.append(contrast.of(*vectors, contrast.kin_in(batch, "thing", both)))
    assert len(sizes) > 1
    assert found.item() == pytest.approx(sum(losses).item() / 3, rel=1e-5)


def test_two_modalities_that_nobody_has_both_of_are_left_out(graph):
    _, pretext = pretext_of(graph, "contrastive")
    torch.manual_seed(0)
    places = torch.randn(5, 3, 2, 4)
    has = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, 1], [1, 0, 0]]).bool()
    one = Contrast().of(places[:2, 0, 0], places[:2, 1, 1])
    other = Contrast().of(places[2:4, 1, 0], places[2:4, 2, 1])
    assert pretext._loss(places, has).item() == pytest.approx((one + other).item() / 2)
    assert pretext._loss(places[4:], has[4:]) is None


@pytest.mark.slow
@pytest.mark.parametrize("chunk", ["null", "8"])
def test_modalities_stand_against_those_of_all_processes(graph, tmp_path, monkeypatch, chunk):
    """Two processes have the losses and the weights of one, though each has half of a batch."""
    graph.save(tmp_path / "graph")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    overrides = [*only("contrastive"), "model.dropout=0", "max_epochs=2", "optimiser.name=sgd"]
    overrides += ["contrastive.context=0", f"contrastive.chunk={chunk}"]
    options = {"task": "pretrain", "model": "hetero_sage", "batch_size": 39, "fanout": [-1, -1]}
    one = mg.train("graph", overrides=overrides, out="one", **options)
    two = mg.train("graph", overrides=overrides, out="two", devices=2, **options)
    np.testing.assert_allclose(two.history["train_loss"], one.history["train_loss"], rtol=1e-4)
    for name, value in one.module.state_dict().items():
        assert torch.allclose(two.module.state_dict()[name], value, rtol=0, atol=1e-4), name


def steps_of(graph, objective, count, **settings):
    """Return what a model has seen in some steps of an objective, and the pretext."""
    module, pretext = pretext_of(graph, objective)
    rows, batch, seen = module.task.rows("train"), GraphBatch.of(graph), []

    def encode(part):
        seen.append(part)
        return module.unify(part)

    for _ in range(count):
        pretext.step(module.head[objective], encode, batch, rows, rows)
    return seen, pretext


def edges_in(part, triple):
    return set(zip(*part.edge_index_dict[triple].tolist(), strict=True)) if triple in part[1] else set()


def test_edges_that_are_asked_for_are_out_of_the_graph_in_both_directions(graph, monkeypatch):
    asked, loss = [], LinkReconstruction._loss

    def spied(self, decoder, triple, ends, edges, against):
        asked.append((triple, edges, against))
        return loss(self, decoder, triple, ends, edges, against)

    monkeypatch.setattr(LinkReconstruction, "_loss", spied)
    seen, pretext = steps_of(graph, "link_reconstruction", 12)
    assert {triple[1] for triple, _, _ in asked} == {"beside", "looks_like", "says_alike"}
    train, whole = set(np.flatnonzero(~pretext.subject.held_out.numpy()).tolist()), GraphBatch.of(graph)
    for part, (triple, edges, against) in zip(seen, asked, strict=True):
        links = set(zip(*edges.tolist(), strict=True))
        reverse = (triple[2], f"rev_{triple[1]}", triple[0])
        every, left = edges_in(whole, triple), edges_in(part, triple)
        assert links <= every
        # Those of training entities alone, about half of them, and with those that lead back.
        between = {(a, b) for a, b in every if {a, b} <= train}
        assert 0.3 * len(between) < len(links) < 0.7 * len(between)
        assert {node for link in links for node in link} <= train
        assert left == every - links - {(b, a) for a, b in links}
        assert not {(b, a) for a, b in edges_in(part, reverse)} & links
        others = set(whole.edge_index_dict) - {triple, reverse}
        assert all(part.edge_index_dict[other] is whole.edge_index_dict[other] for other in others)
        assert against.shape == (len(links), 10)


def test_a_target_that_the_source_is_tied_to_is_no_wrong_one(graph):
    _, pretext = pretext_of(graph, "link_reconstruction")
    triple = ("thing", "beside", "thing")
    one, other = graph.edge_index[triple][:, :2].T.tolist()
    asked = torch.tensor([one]).T
    tied = [target for source, target in graph.edge_index[triple].T.tolist() if source == one[0]]
    states = torch.nn.functional.one_hot(torch.arange(160)).float()

    def loss(against):
        def decoder(source, target):
            return (source * 0 + target).sum(-1)

        return pretext._loss(decoder, triple, (states, states), asked, torch.tensor([against])).item()

    stranger = next(node for node in range(160) if node not in tied)
    assert loss([tied[0]] * 10) == 0
    assert loss([stranger] * 10) == pytest.approx(np.log(11), rel=1e-5)
    assert other != one


def test_relations_that_were_made_of_an_asked_one_are_not_seen(write_two_views, tmp_path):
    file = write_two_views(tmp_path) / "dataset.yaml"
    spec = yaml.safe_load(file.read_text())
    spec["relations"] = {
        "beside": spec["relations"]["beside"],
        "further": {"builder": "meta_path", "path": ["beside", "beside"]},
    }
    file.write_text(yaml.safe_dump(spec))
    graph = mg.build_graph(mg.load_dataset(tmp_path), cache=False, previews=False)
    seen, _ = steps_of(graph, "link_reconstruction", 10)
    whole = GraphBatch.of(graph)
    counts = {part.edge_index_dict["thing", "further", "thing"].shape[1] for part in seen}
    assert min(counts) == 0
    assert all(part[1].keys() == whole[1].keys() for part in seen)
    # It is asked for itself at other times.
    assert 0 < max(counts) < whole.edge_index_dict["thing", "further", "thing"].shape[1]


def test_links_of_held_out_entities_are_measured_without_being_seen(graph, monkeypatch):
    module, pretext = pretext_of(graph, "link_reconstruction")
    rows, views = module.task.rows("test"), []

    def unify(names, view):
        views.append(view(GraphBatch.of(graph)))
        return {name: torch.zeros(160, 32) for name in names}

    assert pretext.measure(module.head["link_reconstruction"], unify, rows).item() > 1
    for triple, part in zip(pretext.subject.links, views, strict=True):
        asked, _ = pretext._fixed(triple, rows)
        links = set(zip(*asked.tolist(), strict=True))
        assert links
        assert not links & edges_in(part, triple)
        assert all(set(link) & set(rows.tolist()) for link in links)


def test_ends_of_edges_stand_against_those_that_nothing_ties_to_them(graph):
    _, pretext = pretext_of(graph, "relation_contrast")
    triple = ("thing", "beside", "thing")
    torch.manual_seed(0)
    states, part = torch.randn(160, 32), pretext.part(triple, 32)
    every = torch.from_numpy(np.array(graph.edge_index[triple]))
    tied = set(map(tuple, every.T.tolist()))
    asked = torch.tensor([[3, 9, 14, 20], [0, 0, 0, 0]])
    asked[1] = torch.tensor([next(b for a, b in sorted(tied) if a == one and b != one) for one in asked[0]])
    # The last source is itself the target of the first edge, and no right answer of its own query either.
    asked[0, 3] = asked[1, 0]
    assert len(set(asked[1].tolist())) == len(set(asked[0].tolist())) == 4
    query, answer = part(states[asked[0]], states[asked[1]])
    logits, losses = query @ answer.T, []
    for turned in (False, True):
        for i in range(4):
            others = []
            for j in range(4):
                a, b = (asked[0, j], asked[1, i]) if turned else (asked[0, i], asked[1, j])
                a, b = a.item(), b.item()
                if i == j or not ({(a, b), (b, a)} & tied or a == b):
                    others.append(logits[j, i] if turned else logits[i, j])
            losses.append(torch.stack(others).logsumexp(0) - logits[i, i])
    assert len(losses) == 8
    found = pretext.loss(part, triple, (states, states), asked, torch.Generator().manual_seed(1))
    assert found.item() == pytest.approx(sum(losses).item() / 8, rel=1e-5)
    assert pretext._tied(triple, asked).shape[1] > 0
    # Of each end one edge is in a step: those that repeat one say nothing.
    twice = torch.cat([asked, asked[:, :2]], dim=1)
    again = pretext.loss(part, triple, (states, states), twice, torch.Generator().manual_seed(1))
    assert again.item() == pytest.approx(found.item(), rel=1e-5)


def test_settings_of_an_alignment_are_refused_where_there_is_none(graph):
    with pytest.raises(ConfigError, match=r"contrastive\.hard_negatives: got 2\.0, but 'pretrain' is a"):
        mg.train(
            graph, task="pretrain", overrides=[*only("relation_contrast"), "contrastive.hard_negatives=2"]
        )


def test_without_a_relation_there_is_no_link_to_reconstruct(graph):
    alone = graph.without(relations=["beside", "looks_like", "says_alike"])
    with pytest.raises(ConfigError, match="'link_reconstruction' needs a relation that ties 'thing' to"):
        mg.train(alone, task="pretrain", overrides=only("link_reconstruction"))


def test_no_class_of_a_held_out_entity_is_learnt_from(graph):
    """Whatever their classes are, the weights are the same; and of the others half are read, as it says."""
    overrides = [*only("supervised_contrastive"), "max_epochs=3", "label_share=0.5", "patience=3"]

    def trained(changed):
        run = mg.train(changed, task="pretrain", model="mlp", overrides=overrides)
        return run.last_weights, run.task._pretexts["supervised_contrastive"].subject.classes

    weights, classes = trained(graph)
    table = graph.nodes["thing"].copy()
    unread = (classes < 0).numpy()
    held_out = (table["split:colour"] != "train").to_numpy()
    train = len(table) - held_out.sum()
    assert 0.45 * train < (~unread & ~held_out).sum() < 0.55 * train
    swapped = table["target:colour"].map({"red": "blue", "blue": "red"})
    table["target:colour"] = table["target:colour"].where(~held_out, swapped)
    changed = dataclasses.replace(graph, nodes={**graph.nodes, "thing": table})
    again, _ = trained(changed)
    assert all(torch.equal(again[name], weights[name]) for name in weights)
    assert len(weights)


def test_classes_of_another_split_are_known_where_both_splits_agree(graph):
    table = graph.nodes["thing"].copy()
    table["split:colour"] = np.roll(table["split:colour"].to_numpy(), 1)
    changed = dataclasses.replace(graph, nodes={**graph.nodes, "thing": table})
    labels = Task.from_graph(changed, "pretrain").labels
    classes = read_classes(
        changed, dataclasses.replace(labels, split=table["split:image_to_text"].to_numpy(str)), TaskOptions()
    )
    agree = (table["split:colour"] == table["split:image_to_text"]).to_numpy()
    assert ((classes >= 0).numpy() == agree).all()
    assert 0 < agree.sum() < len(agree)


def test_weights_are_those_of_the_config(graph):
    overrides = [*QUICK, "objectives.contrastive=1", "objectives.masked_features=0.25", "max_epochs=1"]
    run = mg.train(graph, task="pretrain", model="mlp", overrides=overrides)
    found = run.evaluate("test")
    wanted = found["contrastive_loss"] + 0.25 * found["masked_features_loss"]
    assert found["weighted_loss"] == pytest.approx(wanted)
    assert run.describe()["target"]["objectives"] == {"contrastive": 1.0, "masked_features": 0.25}


def test_by_default_several_modalities_are_aligned_and_masked(pretrained):
    assert list(pretrained.task.weights) == ["contrastive", "masked_modality"]


def test_one_modality_is_found_again_by_itself(graph):
    alone = graph.without(modalities=["image", "sound"])
    run = mg.train(alone, task="pretrain", model="hetero_sage", overrides=[*QUICK, "max_epochs=2"])
    assert list(run.task.weights) == ["masked_features", "infomax"]
    with pytest.raises(ConfigError, match="'contrastive' needs 2 modalities, and 'thing' has one"):
        mg.train(alone, task="pretrain", overrides=only("contrastive"))


def test_what_is_read_from_disk_measures_the_same(pretrained):
    again = mg.load_run(pretrained.folder, graph=pretrained.graph)
    assert again.metrics() == pretrained.metrics()
    assert set(pretrained.predictions()) == {"id", "split"}
    assert pretrained.embed()[1].shape == (160, 32)


def weights_of(module):
    return {name: value.clone() for name, value in module.model.named_parameters()}


def test_a_training_begins_with_the_weights_of_a_run(graph, pretrained, tmp_path):
    overrides = [*QUICK, "max_epochs=1", "optimiser.lr=1e-9", "optimiser.weight_decay=0"]
    run = mg.train(
        graph, task="colour", overrides=overrides, init_from=pretrained.folder, out=tmp_path / "run"
    )
    assert run.config.model == pretrained.config.model
    before, after = weights_of(pretrained.module), weights_of(run.module)
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in before)
    note = next(note for note in run.module.notes if note.startswith("began with"))
    assert note == f"began with {len(before)} of {len(before)} weights of the run pretrain, full"
    again = mg.load_run(tmp_path / "run", graph=graph)
    assert again.evaluate("test") == run.evaluate("test")


@pytest.mark.parametrize(("finetune", "moved"), [("full", True), ("frozen", False), ("linear_probe", False)])
def test_what_is_held_fast_does_not_move(graph, pretrained, finetune, moved):
    overrides = [*QUICK, "max_epochs=3", f"finetune={finetune}"]
    run = mg.train(graph, task="colour", overrides=overrides, init_from=pretrained.folder)
    before, after = weights_of(pretrained.module), weights_of(run.module)
    assert any(not torch.equal(after[name], before[name]) for name in before) == moved
    fresh = assemble(graph, "colour", run.config)
    assert not torch.equal(run.module.head.weight, fresh.head.weight)


@pytest.mark.parametrize("finetune", ["frozen", "linear_probe"])
def test_a_head_without_weights_cannot_be_all_that_learns(graph, pretrained, finetune):
    def start(decoder):
        overrides = [*QUICK, "max_epochs=1", f"finetune={finetune}", f"links.decoder={decoder}"]
        return mg.train(graph, task="link:beside", overrides=overrides, init_from=pretrained.folder)

    with pytest.raises(ConfigError, match=f"finetune: got {finetune}, which leaves nothing to train"):
        start("dot")
    assert len(start("distmult").history) == 1


def test_a_probe_reads_states_without_dropout(graph, pretrained):
    overrides = [*QUICK, "model.dropout=0.9", "finetune=linear_probe", "max_epochs=1"]
    run = mg.train(graph, task="colour", overrides=overrides, init_from=pretrained.folder)
    module = run.module
    module.train()
    batch = GraphBatch.of(graph)
    assert torch.equal(module.unify(batch)["thing"], module.unify(batch)["thing"])


def test_new_modalities_are_learnt_where_the_others_are_held_fast(graph, tmp_path):
    small = graph.without(modalities=["sound"])
    mg.train(small, task="pretrain", model="hetero_sage", overrides=QUICK, out=tmp_path / "small")
    before = weights_of(mg.load_run(tmp_path / "small", graph=small).module)
    overrides = [*QUICK, "max_epochs=3", "finetune=frozen"]
    run = mg.train(graph, task="colour", overrides=overrides, init_from=tmp_path / "small")
    after = weights_of(run.module)
    fresh = weights_of(assemble(graph, "colour", run.config))
    new = after.keys() - before.keys()
    assert any("sound" in name for name in new)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert any(not torch.equal(after[name], fresh[name]) for name in new)
    assert any("; new are " in note for note in run.module.notes)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["objectives.contrastiv=1"], "there is no objective 'contrastiv'. Did you mean 'contrastive'"),
        (["objectives.contrastive=0"], r"objectives.contrastive"),
        (["links.decoder=mlp"], "links.decoder: got mlp, but 'pretrain' is a pretraining"),
        (
            ["objectives.infomax=1", "contrastive.channels=8"],
            "contrastive.channels: got 8, but 'pretrain' is a pretraining and has no contrastive loss",
        ),
        (
            ["objectives.contrastive=1", "mask_share=0.3"],
            "mask_share: got 0.3, but none of the objectives hides anything",
        ),
        (
            ["objectives.infomax=1", "classes_of=colour"],
            "classes_of: got 'colour', but none of the objectives reads classes",
        ),
        (
            ["objectives.supervised_contrastive=1", "classes_of=clour"],
            "classes_of: there is no classification 'clour' of 'thing'. Did you mean 'colour'",
        ),
        (["contrastive.temperature=0.001"], r"contrastive\.temperature"),
        (["finetune=frozen"], "finetune: got frozen, but there is no run to begin from"),
    ],
)
def test_what_cannot_be_meant_is_refused(graph, overrides, message):
    with pytest.raises(ConfigError, match=message):
        mg.train(graph, task="pretrain", overrides=[*QUICK, *overrides])


def test_objectives_of_other_tasks_are_refused(graph):
    with pytest.raises(
        ConfigError, match=r"objectives: got .*'colour' is a classification and no pre-training"
    ):
        mg.train(graph, task="colour", overrides=only("infomax"))


def test_a_classification_to_read_is_refused_by_other_tasks(graph):
    with pytest.raises(ConfigError, match="classes_of: got colour, but 'colour' is a classification and"):
        mg.train(graph, task="colour", overrides=[*QUICK, "classes_of=colour"])


def test_a_run_that_has_nothing_for_the_model_is_refused(graph, pretrained, tmp_path):
    with pytest.raises(RunError, match=r"there is no run.json, so it is no run folder"):
        mg.train(graph, task="colour", overrides=QUICK, init_from=tmp_path)
    overrides = [*QUICK[1:], "model.hidden_channels=20"]
    with pytest.raises(RunError, match="none of its weights is of the name and the shape"):
        mg.train(graph, task="colour", model="hetero_sage", overrides=overrides, init_from=pretrained.folder)


@pytest.mark.parametrize(
    ("task", "message"),
    [("pretrain:thnig", "no entity type 'thnig' with a modality. Did you mean 'thing'")],
)
def test_a_name_of_no_entity_type_is_refused(graph, task, message):
    with pytest.raises(MMGraphError, match=message):
        mg.train(graph, task=task, overrides=QUICK)


def test_the_config_of_a_run_keeps_where_it_began(graph, pretrained, tmp_path):
    overrides = [*QUICK, "max_epochs=1"]
    mg.train(graph, task="colour", overrides=overrides, init_from=pretrained.folder, out=tmp_path / "run")
    assert str(pretrained.folder) in (tmp_path / "run" / "config.yaml").read_text()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["notes"]


def test_a_training_reads_as_many_labels_as_it_may(graph):
    overrides = [*QUICK, "max_epochs=1"]
    few = mg.train(graph, task="colour", model="mlp", overrides=[*overrides, "label_share=0.1"])
    all_ = mg.train(graph, task="colour", model="mlp", overrides=overrides)
    counts = [len(run.task.rows("train")) for run in (few, all_)]
    assert 8 <= counts[0] <= 10
    assert counts[1] == 80
    assert len(few.task.rows("test")) == len(all_.task.rows("test"))
    with pytest.raises(ConfigError, match=r"label_share: got 0\.1, but 'pretrain' is a pretraining"):
        mg.train(graph, task="pretrain", overrides=[*overrides, "label_share=0.1"])


def test_weights_on_features_that_mean_something_else_are_not_taken(tmp_path):
    """Principal components of other texts are other directions; columns are what they are called."""
    folder = tmp_path / "things"
    folder.mkdir()
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", "blue", "small", "large", "round", "flat", "old"])
    size = rng.normal(size=60)
    table = pd.DataFrame({"id": [f"t{row}" for row in range(60)], "size": size})
    table["text"] = [" ".join(rng.choice(words, 3)) for _ in range(60)]
    table["big"] = np.where(size > 0, "yes", "no")
    table.to_csv(folder / "things.csv", index=False)
    spec = {
        "name": "things",
        "entities": {
            "thing": {
                "table": "things.csv",
                "modalities": {
                    "text": {"kind": "text", "column": "text", "encoder": {"name": "tfidf", "components": 4}},
                    "facts": {"kind": "tabular", "columns": {"size": "numeric"}},
                },
            }
        },
        "relations": {"alike": {"builder": "knn", "on": "thing/facts", "k": 3, "connect": "entity"}},
        "splits": {
            "some": {
                "kind": "random",
                "entity": "thing",
                "fractions": {"train": 0.5, "validation": 0.25, "test": 0.25},
            }
        },
        "tasks": {
            "big": {"entity": "thing", "target": "big", "split": "some"},
            "pretrain": {"kind": "pretraining", "entity": "thing", "split": "some"},
        },
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    one, other = (
        mg.build_graph(mg.load_dataset(folder, overrides=[f"splits.some.seed={seed}"]), cache=None)
        for seed in (0, 1)
    )
    begun = mg.train(one, task="pretrain", model="hetero_sage", overrides=QUICK, out=tmp_path / "run")
    overrides = [*QUICK, "max_epochs=1", "optimiser.lr=1e-9", "optimiser.weight_decay=0"]
    before = weights_of(begun.module)

    def kept_by(graph):
        run = mg.train(graph, task="big", overrides=overrides, init_from=tmp_path / "run")
        after = weights_of(run.module)
        note = next(note for note in run.module.notes if note.startswith("began with"))
        return note, {name for name in before if torch.allclose(after[name], before[name], atol=1e-6)}

    note, kept = kept_by(one)
    assert kept == set(before)
    assert "fitted to other items" not in note
    note, kept = kept_by(other)
    reads = "projection.linear.thing/text."
    assert {name for name in before if name not in kept} == {f"{reads}weight", f"{reads}bias"}
    assert "the encoder of thing/text was fitted to other items there" in note


def test_a_run_is_written_where_nobody_can_tell_what_features_mean(graph, tmp_path, monkeypatch):
    """An encoder may be of a plugin that is not here, or of a version that is no more."""

    def lost(name):
        raise ConfigError("there is no encoder 'mine'", where="graph", fix="Load the plugin.")

    encoders = LazyMapping([*graph.encoders], lost)
    other = dataclasses.replace(graph, encoders=encoders)
    run = mg.train(other, task="pretrain", model="hetero_sage", overrides=QUICK, out=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["graph"]["features"] == {}
    again = mg.train(other, task="colour", overrides=[*QUICK, "max_epochs=1"], init_from=run.folder)
    assert any(note.startswith("began with") for note in again.module.notes)
