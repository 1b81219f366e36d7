"""An entity that loses a modality is one that never had it, whatever measures it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgraph.evaluation.explanation.number import EntityNumber, names_of
from mmgraph.evaluation.explanation.players import modalities_and_relations
from mmgraph.evaluation.explanation.question import Question, checked_task
from mmgraph.evaluation.robustness.missing import combinations_left, missing_curves, without_modalities
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.schema import GraphSchema
from mmgraph.training import train

LIKE, REV = ("mark", "like", "mark"), ("mark", "rev_like", "mark")
QUICK = ("model.hidden_channels=16", "max_epochs=3", "device=cpu", "batch_threads=1")


@pytest.fixture(scope="session")
def made_of_names(graph):
    """Return the graph whose relation was made from the names of both of its ends."""
    types = tuple(
        replace(t, made_from=("mark/name",)) if t.relation == "like" else t for t in graph.schema.edge_types
    )
    return replace(graph, schema=GraphSchema(graph.schema.node_types, types))


def test_edges_that_were_made_from_a_modality_go_with_it(graph, made_of_names):
    lost = {"mark/name": np.array([4, 5])}
    plain = without_modalities(graph, lost)
    assert plain.edge_index[LIKE].shape == graph.edge_index[LIKE].shape
    part = without_modalities(made_of_names, lost)
    for triple in (LIKE, REV):
        index = part.edge_index[triple]
        assert not np.isin(index, [4, 5]).any()
        assert index.shape[1] == graph.edge_index[triple].shape[1] - 4
    assert part.schema.node_type("mark/name").num_nodes == 88
    assert {4, 5} & set(part.nodes["mark/name"]["entity_index"]) == set()
    # A picture has nothing to do with the relation.
    other = without_modalities(made_of_names, {"mark/picture": np.array([4, 6])})
    assert other.edge_index[LIKE].shape == graph.edge_index[LIKE].shape


def test_a_pair_goes_with_what_it_is_a_pair_of(graph):
    types = tuple(
        replace(t, made_from=("mark/name", "mark/sound")) if t.name == "mark/picture" else t
        for t in graph.schema.node_types
    )
    pairs = replace(graph, schema=GraphSchema(types, graph.schema.edge_types))
    had = graph.nodes["mark/picture"]["entity_index"].tolist()
    lost = {"mark/name": np.array([4, 5]), "mark/picture": np.array([6])}
    left = without_modalities(pairs, lost).nodes["mark/picture"]["entity_index"].tolist()
    assert {4, 6} <= set(had)
    assert left == [row for row in had if row not in (4, 5, 6)]
    plain = without_modalities(graph, lost).nodes["mark/picture"]["entity_index"].tolist()
    assert plain == [row for row in had if row != 6]


def log_odds(question: Question, output: torch.Tensor) -> float:
    """Return the log-odds of the class that is asked about, of an output [C]."""
    number = question.number
    assert isinstance(number, EntityNumber)
    place = names_of(number.task).index(str(number.answer))
    others = torch.arange(len(output)) != place
    return float(output[place].double() - output[others].double().logsumexp(dim=0))


def test_an_explanation_takes_such_edges_away_as_well(made_of_names):
    run = train(made_of_names, task="script", model="hetero_gat", overrides=QUICK, seed=0)
    question = Question.of(run, checked_task(run), 4)
    players = {p.name: p for p in modalities_and_relations(question.around, question.number)}
    index, gone = question.around.batch.edge_index_dict[LIKE], players["name"].edges[LIKE]
    place = question.around.place
    assert torch.equal(gone, (index == place).any(dim=0))
    assert LIKE not in players["picture"].edges
    # What is asked without the name is what a graph without it says.
    subject = Subject.of(run, "train", doing="test")
    lost = without_modalities(run.view, {"mark/name": np.array([4])})
    subject = replace(subject, rows=torch.tensor([4]))
    wanted = log_odds(question, subject.output(lost)[0])
    kept = {triple: ~gone for triple, gone in players["name"].edges.items()}
    assert question.ask(kept) == pytest.approx(wanted, abs=1e-5)


def test_an_explanation_takes_a_pair_away_with_either_part(graph):
    types = tuple(
        replace(t, made_from=("mark/name",)) if t.name == "mark/picture" else t
        for t in graph.schema.node_types
    )
    pairs = replace(graph, schema=GraphSchema(types, graph.schema.edge_types))
    run = train(pairs, task="script", model="hetero_gat", overrides=QUICK, seed=0)
    question = Question.of(run, checked_task(run), 4)
    players = {p.name: p for p in modalities_and_relations(question.around, question.number)}
    of = ("mark/picture", "of", "mark")
    assert torch.equal(players["name"].edges[of], players["picture"].edges[of])
    subject = replace(Subject.of(run, "train", doing="test"), rows=torch.tensor([4]))
    lost = without_modalities(run.view, {"mark/name": np.array([4])})
    wanted = log_odds(question, subject.output(lost)[0])
    kept = {triple: ~gone for triple, gone in players["name"].edges.items()}
    assert question.ask(kept) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("missing", ["absent", "token"])
def test_every_way_to_measure_sees_the_same(graph, missing):
    whole = train(
        graph, task="script", model="hetero_gat", overrides=[*QUICK, f"model.missing={missing}"], seed=0
    )
    subject = Subject.of(whole, "test", doing="test")
    parts = replace(subject, run=_in_parts(whole))
    lost = {"mark/picture": subject.entities[::2], "mark/name": subject.entities[1::2]}
    part = without_modalities(whole.view, lost)
    outputs = [one.output(part) for one in (subject, parts)]
    assert torch.allclose(*outputs, atol=1e-5)
    assert not torch.allclose(outputs[0], subject.output(), atol=1e-2)


def _in_parts(run):
    """Return the same run, measured some nodes at a time."""
    from mmgraph.training import Run

    config = run.config.model_copy(update={"eval_batch_size": 7})
    return Run(
        graph=run.graph,
        config=config,
        module=run.module,
        history=run.history,
        best_epoch=run.best_epoch,
        last_weights=run.last_weights,
    )


def test_levels_are_nested_and_hit_measured_entities_alone(graph):
    run = train(graph, task="script", model="mlp", overrides=QUICK, seed=0)
    subject = Subject.of(run, "test", doing="test")
    everybody = set(range(90))
    lost: dict[str, list[set[int]]] = {}
    for what, _, part in missing_curves(subject, (0.0, 0.5, 1.0), seed=3):
        if what != "all":
            had = set(graph.nodes[f"mark/{what}"]["entity_index"])
            lost.setdefault(what, []).append(had - set(part.nodes[f"mark/{what}"]["entity_index"]))
    for what, (nobody, half, full) in lost.items():
        had = set(graph.nodes[f"mark/{what}"]["entity_index"]) & set(subject.entities.tolist())
        assert nobody == set()
        assert half < full == had <= everybody
        assert len(half) == round(len(had) / 2)
    assert [left for left, _ in combinations_left(subject)] == [
        *(("picture", "name"), ("picture",), ("name",)),
        (),
    ]
