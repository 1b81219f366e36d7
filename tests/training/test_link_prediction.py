"""Links: learnt from the graph without those that a step asks for, and ranked among all that might be."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.data.task_spec import LinkTaskSpec, TaskSpec
from mmgraph.errors import UserError
from mmgraph.graph.exchange.parts import Modality, Parts
from mmgraph.graph.graph import Graph
from mmgraph.graph.relation import Edges
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import LinkPrediction
from mmgraph.tasks.link_head import LinkHead
from mmgraph.training import load_run, resolve_config, train
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import open_batches
from mmgraph.training.history import Epoch

GROUPS, EACH = 6, 10
NEAR, LIKES = ("thing", "near", "thing"), ("thing", "likes", "tag")
QUICK = (
    "model.input_dropout=0",
    "model.hidden_channels=16",
    "model.dropout=0",
    "optimiser.lr=0.02",
    "max_epochs=40",
    "device=cpu",
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Things in groups: a thing is near others of its group, and likes the tag of its group and one more."""
    rng = np.random.default_rng(0)
    count = GROUPS * EACH
    group = np.arange(count) % GROUPS
    near = [
        (a, int(b))
        for a in range(count)
        for b in rng.choice(np.flatnonzero((group == group[a]) & (np.arange(count) != a)), 3, replace=False)
    ]
    likes = np.unique([(a, int(t)) for a in range(count) for t in (group[a], rng.integers(GROUPS))], axis=0).T
    ids = [f"t{row}" for row in range(count)]
    names = [f"g{row}" for row in range(GROUPS)]
    things = {"id": ids, "title": ids, "target:group": [f"g{g}" for g in group]}
    split = np.resize(["train", "train", "validation", "test"], count)
    features = np.eye(GROUPS, dtype=np.float32)[group] + rng.normal(0, 0.5, (count, GROUPS)).astype("f4")
    return Parts(
        name="groups",
        entities={
            "thing": pd.DataFrame(things | {"split:group": split}),
            "tag": pd.DataFrame({"id": names, "title": names}),
        },
        modalities={
            "thing/text": Modality(np.arange(count), features),
            "tag/name": Modality(np.arange(GROUPS), np.eye(GROUPS, dtype=np.float32)),
        },
        relations={NEAR: Edges(*np.array(near).T), LIKES: Edges(likes[0], likes[1])},
        tasks={
            "group": TaskSpec(entity="thing", target="group", split="fixed"),
            "near": LinkTaskSpec(kind="link_prediction", relation="near"),
        },
    ).graph("{name}")


def _task(graph: Graph, name: str = "near", **keys: Any) -> LinkPrediction:
    overrides = [f"{key}={value}" for key, value in keys.items()]
    task = assemble(graph, name, resolve_config(model="mlp", overrides=[*QUICK, *overrides])).task
    assert isinstance(task, LinkPrediction)
    return task


@pytest.mark.parametrize("decoder", ["dot", "distmult", "complex", "mlp"])
def test_links_are_found_far_better_than_by_chance(graph: Graph, decoder: str) -> None:
    run = train(graph, task="near", model="hetero_sage", overrides=[*QUICK, f"links.decoder={decoder}"])
    metrics = run.evaluate("test")
    # Of 59 others, 9 are of the same group.
    assert metrics["mrr"] > 0.25
    assert metrics["auroc"] > 0.85
    hits = [f"hits@{k}" for k in (1, 3, 5, 10)]
    assert list(metrics)[:9] == ["mrr", *hits, "recall@10", "ndcg@10", "map", "median_rank"]
    assert metrics["hits@3"] <= metrics["hits@5"] <= metrics["hits@10"]


@pytest.mark.parametrize("negatives", ["uniform", "degree", "in_batch"])
@pytest.mark.parametrize("loss", ["binary", "softmax"])
def test_it_learns_by_batches_of_links_too(graph: Graph, negatives: str, loss: str) -> None:
    keys = ["max_epochs=10", "batch_size=32", f"links.negatives={negatives}", f"links.loss={loss}"]
    run = train(graph, task="near", model="hetero_sage", overrides=[*QUICK, *keys])
    assert run.evaluate("test")["mrr"] > 0.2


def test_hard_negatives_are_of_the_same_group(graph: Graph) -> None:
    task = _task(graph, **{"links.negatives": "hard", "links.num_negatives": 1})
    seeds = task._ask(GraphBatch.of(graph.view("near"))).seeds
    assert seeds is not None
    # So two steps lead there, but where all of a group are linked to the source.
    assert (seeds[:, 1] % GROUPS == seeds[:, 2] % GROUPS).float().mean() > 0.7


def test_links_between_two_types_are_learnt_without_preparation(graph: Graph) -> None:
    run = train(graph, task="link:likes", model="hetero_sage", overrides=QUICK)
    task = run.task
    assert isinstance(task, LinkPrediction)
    assert task.links.triple == LIKES
    # Three tags of six are known on average, so that chance is not far.
    assert run.evaluate("test")["mrr"] > 0.4
    table = run.predictions()
    assert set(table["source"]) <= set(graph.nodes["thing"]["id"])
    assert set(table["target"]) <= set(graph.nodes["tag"]["id"])


def test_the_model_never_sees_a_link_that_it_is_asked_for(graph: Graph) -> None:
    task = _task(graph, **{"links.asked": 0.5})
    batch = GraphBatch.of(graph.view("near"))
    seen: list[GraphBatch] = []

    def encode(given: GraphBatch) -> dict[str, torch.Tensor]:
        seen.append(given)
        return {"thing": torch.randn(60, 16), "tag": torch.randn(6, 16)}

    step = task.step(task.make_head(16), encode, batch)
    given = seen[0]
    seeds = given.seeds
    assert seeds is not None
    asked = set(map(tuple, seeds[:, :2].tolist()))
    assert len(asked) == step.num_rows == len(seeds)
    edges = set(map(tuple, given.edge_index_dict[NEAR].T.tolist()))
    back = set(map(tuple, given.edge_index_dict["thing", "rev_near", "thing"].flip(0).T.tolist()))
    both = edges | {(b, a) for a, b in edges}
    assert back == edges
    assert not asked & both
    whole = set(map(tuple, graph.view("near").edge_index[NEAR].T.tolist()))
    assert edges | asked == whole
    assert 0.4 < len(asked) / len(whole) < 0.6
    # What stands against a link is none of training.
    assert not {(s, t) for s, _, *others in seeds.tolist() for t in others} & whole
    # All else is as it was.
    assert given.edge_index_dict[LIKES] is batch.edge_index_dict[LIKES]


def test_neither_does_it_in_batches(graph: Graph) -> None:
    config = resolve_config(model="hetero_sage", overrides=[*QUICK, "batch_size=20", "fanout=[-1,-1]"])
    module = assemble(graph, "near", config)
    data, _ = open_batches(visible_graph(graph, "near", config), module, config, torch.device("cpu"))
    asked, count = 0, len(module.task.rows("train"))
    for batch in data.train_dataloader():
        assert batch.seeds is not None
        assert batch.seeds.shape[1] == 2 + 10
        links = set(map(tuple, batch.seeds[:, :2].tolist()))
        edges = set(map(tuple, batch.edge_index_dict[NEAR].T.tolist()))
        back = set(map(tuple, batch.edge_index_dict["thing", "rev_near", "thing"].flip(0).T.tolist()))
        # Neither as they are nor the other way round.
        assert not (links | {(b, a) for a, b in links}) & (edges | back)
        assert edges
        asked += len(batch.seeds)
    assert asked == count


def test_ranks_are_those_among_all_that_are_not_known(graph: Graph) -> None:
    run = train(graph, task="near", model="hetero_sage", overrides=[*QUICK, "max_epochs=3"])
    task = run.task
    assert isinstance(task, LinkPrediction)
    _, vectors = run.embed("thing")
    links, known = task.links, {}
    for source, target in zip(links.source.tolist(), links.target.tolist(), strict=True):
        known.setdefault(source, set()).add(target)
    ranks = []
    for row in task.rows("test").tolist():
        source, target = int(links.source[row]), int(links.target[row])
        scores = vectors @ vectors[source]
        others = [t for t in range(60) if t not in known[source] and t != source]
        ranks.append(1 + sum(scores[t] > scores[target] for t in others))
    metrics = run.evaluate("test")
    assert metrics["mrr"] == pytest.approx(np.mean(1 / np.array(ranks)))
    assert metrics["hits@3"] == pytest.approx(np.mean(np.array(ranks) <= 3))


def test_the_best_new_targets_of_each_source_are_predicted(graph: Graph) -> None:
    run = train(graph, task="near", model="hetero_sage", overrides=[*QUICK, "max_epochs=3"])
    task = run.task
    assert isinstance(task, LinkPrediction)
    table = run.predictions()
    assert list(table) == ["source", "rank", "target", "score", "split"]
    assert (table.groupby("source").size() == 10).all()
    assert (table.groupby("source")["score"].diff().dropna() <= 0).all()
    ids = graph.nodes["thing"]["id"].to_numpy()
    view = graph.view("near")
    trained = set(map(tuple, ids[view.edge_index[NEAR].T].tolist()))
    pairs = set(zip(table["source"], table["target"], strict=True))
    assert not pairs & trained
    assert not (table["source"] == table["target"]).any()
    held_out = view.held_out["near"].of("test")
    asked = set(map(tuple, ids[np.stack([held_out.source, held_out.target]).T].tolist()))
    marked = table[table["split"] == "test"]
    assert set(zip(marked["source"], marked["target"], strict=True)) == pairs & asked


def test_a_saved_run_says_the_same(graph: Graph, tmp_path: Path) -> None:
    graph.save(tmp_path / "graph")
    overrides = [*QUICK, "max_epochs=3", "links.decoder=distmult", "links.loss=binary"]
    run = train(tmp_path / "graph", task="near", overrides=overrides, out=tmp_path / "run")
    opened = load_run(tmp_path / "run")
    assert opened.evaluate("test") == run.evaluate("test")
    assert opened.metrics().keys() == {"validation", "test"}
    assert opened.config.links.decoder == "distmult"
    kept = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    pd.testing.assert_frame_equal(kept, opened.predictions(), check_dtype=False)
    asked = [int((opened.task.links.part == part).sum()) for part in ("validation", "test")]
    wanted = f"each of {asked[0]} validation and {asked[1]} test links is ranked among the 59 other 'thing' "
    assert any(note.startswith(wanted) for note in opened.module.notes)


def test_the_same_seed_gives_the_same_weights(graph: Graph) -> None:
    runs = [train(graph, task="near", overrides=[*QUICK, "max_epochs=3"], seed=seed) for seed in (1, 1, 2)]
    first, again, other = (run.module.state_dict() for run in runs)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("batches", [[], ["batch_size=32", "fanout=[3,2]"]])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    graph: Graph, tmp_path: Path, batches: list[str]
) -> None:
    overrides = [*QUICK, "max_epochs=4", "checkpoint_seconds=0", "model.dropout=0.3", *batches]
    whole = train(graph, task="near", overrides=overrides, out=tmp_path / "whole")

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(graph, task="near", overrides=overrides, out=tmp_path / "run", on_epoch=stop)
    resumed = train(graph, task="near", overrides=overrides, out=tmp_path / "run", resume=True)
    assert len(resumed.history) == 4
    first, second = whole.last_weights, resumed.last_weights
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("edges", ["none", "shuffled"])
def test_controls_ask_for_the_same_links(graph: Graph, edges: str) -> None:
    overrides = [*QUICK, "max_epochs=2", f"edges={edges}"]
    run = train(graph, task="near", model="hetero_sage", overrides=overrides)
    task = run.task
    assert isinstance(task, LinkPrediction)
    assert torch.equal(task.links.source, _task(graph).links.source)
    assert run.evaluate("test")["mrr"] > 0


def test_cold_starts_are_measured_apart(graph: Graph) -> None:
    task = _task(graph)
    rows = task.rows("test")
    task.links.__dict__["cold"] = torch.zeros(len(task.links.source), dtype=torch.bool)
    task.links.cold[rows[:2]] = True
    scores = torch.randn(60, 60, generator=torch.Generator().manual_seed(0))
    output = task.rank(lambda sources: scores[sources], rows)
    metrics, apart = task.metrics(output, rows), task.metrics(output[:2], rows[:2])
    assert metrics["cold_start_mrr"] == apart["mrr"]
    assert "2 of 18 test links have an end without any training link" in " ".join(task.notes)


@pytest.mark.parametrize("name", ["near", "link:likes"])
def test_structure_is_that_of_the_pairs_of_a_step(graph: Graph, name: str) -> None:
    """Whether a step sees the whole graph or a sample, which numbers its nodes anew."""
    overrides = [*QUICK, "links.structure=true", "batch_size=16", "fanout=[-1,-1]"]
    config = resolve_config(model="hetero_sage", overrides=overrides)
    module = assemble(graph, name, config)
    task = module.task
    assert isinstance(task, LinkPrediction)
    data, _ = open_batches(visible_graph(graph, name, config), module, config, torch.device("cpu"))
    sample = next(iter(data.train_dataloader()))
    assert sample.sample is not None
    for batch in (task._ask(GraphBatch.of(graph.view(name))), sample):
        seeds = batch.seeds
        assert seeds is not None
        found = task._structure_of(batch)
        ends = [seeds[:, :1].expand_as(seeds[:, 1:]), seeds[:, 1:]]
        if batch.sample is not None:
            ends = [
                batch.sample.numbers[kind][x] for kind, x in zip(task.links.triple[::2], ends, strict=True)
            ]
        source, target = (x.numpy().ravel() for x in ends)
        wanted = np.log1p(task._structure.degrees(source, target)).reshape(found.shape[:2])
        np.testing.assert_allclose(found[..., 1], wanted, rtol=1e-6)
        wanted = np.log1p(task._structure.paths(source, target)).reshape(found.shape[:2])
        np.testing.assert_allclose(found[..., 0], wanted, rtol=1e-6)
        # The first of each row is linked, the others are not, and neither is told by its degree.
        assert (task._structure._linked(source, target).reshape(found.shape[:2])[:, 0] == 1).all()


def test_structure_adds_to_the_score(graph: Graph) -> None:
    overrides = [*QUICK, "links.structure=true", "max_epochs=5"]
    run = train(graph, task="near", model="hetero_sage", overrides=overrides)
    task, head = run.task, run.module.head
    assert isinstance(task, LinkPrediction)
    assert isinstance(head, LinkHead)
    assert head.structure is not None
    assert (head.structure != 1).all()
    sources = torch.arange(5)
    scores = task._score(head, run.unify)(sources)
    structure = torch.from_numpy(task._structure.all_paths(sources.numpy())).log1p().float()
    head.structure.data[0] += 1
    assert torch.allclose(task._score(head, run.unify)(sources) - scores, structure, atol=1e-5)
    assert run.evaluate("test")["mrr"] > 0.25


@pytest.mark.parametrize(
    ("task", "overrides", "message"),
    [
        ("near", ["links.structure=true", "edges=shuffled"], "links.structure: got True with edges=shuffled"),
        ("near", ["links.decoder=rescal"], "links.decoder: got 'rescal'; wanted one of"),
        ("near", ["links.decoder=complex", "model.hidden_channels=13", "model.heads=1"], "got 13; wanted an"),
        ("near", ["class_weights=balanced"], "'near' is a link_prediction and has no classes"),
        ("group", ["links.loss=binary"], "links.loss: got binary, but 'group' is a classification and asks"),
        ("near", ["edges=none", "batch_size=8"], "edges: got none, but batches of links are sampled"),
        ("link:naer", [], "has no relation 'naer'"),
    ],
)
def test_what_cannot_be_used_is_told(graph: Graph, task: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train(graph, task=task, model="hetero_sage", overrides=[*QUICK, *overrides])


def test_links_between_two_types_have_one_direction(graph: Graph) -> None:
    spec = LinkTaskSpec(kind="link_prediction", relation="likes", direction="both")
    changed = dataclasses.replace(graph, tasks={**graph.tasks, "likes": spec})
    message = (
        r"tasks.likes.direction: got both, but 'likes' leads from 'thing' to 'tag'; wanted ends of one type"
    )
    with pytest.raises(UserError, match=message):
        _task(changed, "likes")


@pytest.mark.parametrize("batch_size", [0, 64])
def test_entities_of_a_relation_with_a_direction_find_each_other(graph: Graph, batch_size: int) -> None:
    spec = LinkTaskSpec(kind="link_prediction", relation="near", direction="both")
    changed = dataclasses.replace(graph, tasks={**graph.tasks, "each_other": spec})
    overrides = [*QUICK, "max_epochs=4", "links.negatives=in_batch", "links.num_negatives=20"]
    run = train(changed, task="each_other", model="mlp", overrides=overrides, batch_size=batch_size)
    links = run.task.links
    pairs = set(zip(links.source.tolist(), links.target.tolist(), strict=True))
    assert pairs == {(b, a) for a, b in pairs}
    assert len(run.task.rows("test")) == len({frozenset(p) for p in _of(run.task, "test")}) * 2
    assert run.evaluate("test")["mrr"] > 0.2


def _of(task: LinkPrediction, part: str) -> list[tuple[int, int]]:
    rows = task.rows(part)
    return list(zip(task.links.source[rows].tolist(), task.links.target[rows].tolist(), strict=True))
