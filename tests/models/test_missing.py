"""Missing modalities: nodes that stand for them, and modalities that are taken away in training."""

import weakref
from dataclasses import replace

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph.schema import GraphSchema
from mmgraph.models import MultimodalModel
from mmgraph.models.missing import MissingModalities
from mmgraph.ops import edge_plan

TEXT, IMAGE, TABLE = ("e/text", "of", "e"), ("e/image", "of", "e"), ("f/table", "of", "f")


def make(schema, **options):
    torch.manual_seed(0)
    defaults = {"layers": ["late_fusion", "hetero_gat"], "hidden_channels": 8, "dropout": 0.0}
    return MultimodalModel(schema, **{**defaults, **options})


def step(schema, **options):
    torch.manual_seed(0)
    node_types = options.pop("node_types", list(schema.channels))
    options = {"missing": "absent", "modality_dropout": 0.0, **options}
    return MissingModalities(schema, 2, node_types=node_types, **options)


def states(graph):
    """Return states of width 2, and what else the step takes; e/image nodes are tied to 2, 0 and 4."""
    x_dict, edges, weights = graph
    sizes = {name: len(x) for name, x in x_dict.items()}
    return {name: torch.randn(size, 2) for name, size in sizes.items()}, edges, weights, sizes


def test_absent_changes_nothing(schema, graph):
    state, edges, weights, sizes = states(graph)
    out = step(schema)(state, edges, weights, {}, sizes)
    assert all(out[0][name] is x for name, x in state.items())
    assert out[1] is edges
    assert out[2] is weights
    torch.manual_seed(0)
    one, other = make(schema), make(schema, missing="absent")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_token_stands_for_each_modality_that_is_missing(schema, graph):
    state, edges, weights, sizes = states(graph)
    missing = step(schema, missing="token")
    new, tied, *_ = missing(state, edges, weights, {}, sizes)
    assert tied[TEXT][:, 5:].tolist() == [[5], [5]], "entity 5 alone has no text"
    assert tied[IMAGE][:, 3:].tolist() == [[3, 4, 5], [1, 3, 5]]
    assert torch.equal(tied["e", "rev_of", "e/image"][:, 3:], tied[IMAGE][:, 3:].flip(0))
    assert torch.equal(new["e/image"][:3], state["e/image"])
    assert torch.equal(new["e/image"][3:], missing.token["e/image"].expand(3, -1))
    assert torch.equal(tied[TABLE], edges[TABLE]), "nobody lacks it"
    assert all(torch.equal(tied[key], edges[key]) for key in edges if "of" not in key[1])


def test_a_modality_that_nobody_has_gets_tokens(schema, graph):
    x_dict, edges, weights = graph
    del x_dict["e/image"], edges[IMAGE], edges["e", "rev_of", "e/image"]
    out = make(schema, missing="token", layers=["cross_modal_transformer"], outputs=["e", "e/image"])
    result = out(x_dict, edges, weights)
    assert result.keys() == {"e"}, "what is no node of the graph is not read out"
    state, edges, weights, sizes = states(graph)
    assert step(schema, missing="token")(state, edges, weights, {}, sizes)[0]["e/image"].shape == (6, 2)


def test_neighbours_stand_for_what_is_missing(schema, graph):
    """Near: 1-0, 2-1, 1-2, 0-1, 4-3, 3-4. Images: 0, 2, 4 have one; 1 and 3 get one, 5 has no neighbour."""
    state, edges, weights, sizes = states(graph)
    new, tied, *_ = step(schema, missing="neighbours")(state, edges, weights, {}, sizes)
    image = state["e/image"]
    assert tied[IMAGE][:, 3:].tolist() == [[3, 4], [1, 3]]
    torch.testing.assert_close(new["e/image"][3], (image[1] + image[0]) / 2)
    torch.testing.assert_close(new["e/image"][4], image[2])
    assert torch.equal(tied[TEXT], edges[TEXT])


def test_likeness_of_modality_nodes_makes_neighbours_too(schema, graph):
    state, edges, _, sizes = states(graph)
    edges = {key: index for key, index in edges.items() if key[1] != "near"}
    edges["e/text", "like", "e/text"] = torch.tensor([[4, 3], [1, 1]])
    new, tied, *_ = step(schema, missing="neighbours")(state, edges, {}, {}, sizes)
    assert tied[IMAGE][:, 3:].tolist() == [[3], [1]], "text 1 of entity 1 is like text 4 of entity 4"
    torch.testing.assert_close(new["e/image"][3], state["e/image"][2])


def test_whoever_shares_a_modality_node_is_a_neighbour(schema, graph):
    state, edges, _, sizes = states(graph)
    edges = {key: index for key, index in edges.items() if key[1] != "near"}
    # Image 0 belongs to 2 and to 0; text 1 of entity 1 is like it.
    edges[IMAGE] = torch.tensor([[0, 0, 2], [2, 0, 4]])
    edges["e/image", "like", "e/text"] = torch.tensor([[0, 2], [1, 3]])
    new, tied, *_ = step(schema, missing="neighbours")(state, edges, {}, {}, sizes)
    assert tied[IMAGE][:, 3:].tolist() == [[3, 4], [1, 3]]
    torch.testing.assert_close(new["e/image"][3:], state["e/image"][[0, 2]])
    edges["e/image", "like", "e/text"] = torch.tensor([[2, 0], [1, 1]])
    new, tied, *_ = step(schema, missing="neighbours")(state, edges, {}, {}, sizes)
    assert tied[IMAGE][:, 3:].tolist() == [[3], [1]]
    # Entities 2, 0 and 4 speak to it: both of those that share image 0 do.
    torch.testing.assert_close(new["e/image"][3], (2 * state["e/image"][0] + state["e/image"][2]) / 3)


@pytest.mark.parametrize("missing", ["token", "neighbours"])
def test_the_same_edges_are_completed_once(schema, graph, missing):
    state, edges, weights, sizes = states(graph)
    edges = {key: index.clone() for key, index in edges.items()}
    module = step(schema, missing=missing, modality_dropout=0.5).eval()
    first = module(state, edges, weights, {}, sizes)[1]
    assert all(index is first[key] for key, index in module(state, edges, weights, {}, sizes)[1].items())
    module.train()(state, edges, weights, {}, sizes)
    assert module.eval()(state, edges, weights, {}, sizes)[1][IMAGE] is first[IMAGE], (
        "dropout leaves it alone"
    )
    edges[IMAGE][1, 1] = 5
    changed = module(state, edges, weights, {}, sizes)[1][IMAGE]
    assert changed is not first[IMAGE]
    afresh = step(schema, missing=missing)(state, edges, weights, {}, sizes)[1][IMAGE]
    assert torch.equal(changed, afresh), "entity 0 has lost its image, and 5 has one"
    more = {**sizes, "e": sizes["e"] + 1}
    assert module(state, edges, weights, {}, more)[1][IMAGE] is not changed
    # What is kept with a module does not keep the edges of the last graph alive.
    reference = weakref.ref(edges[IMAGE])
    del edges
    assert reference() is None


def test_the_same_edges_are_planned_once(schema, graph, monkeypatch):
    made = []
    monkeypatch.setattr(
        edge_plan, "_make_plan", lambda *a, make=edge_plan._make_plan: made.append(a) or make(*a)
    )
    model = make(schema, missing="token", layers=["hetero_gat"])
    model(*graph)
    planned = len(made)
    model(*graph)
    assert len(made) == planned > 0


def test_what_the_layers_do_not_read_is_left_alone(schema, graph):
    state, edges, weights, sizes = states(graph)
    del state["e/image"]
    new, tied, *_ = step(schema, missing="token", node_types=["e", "e/text"])(
        state, edges, weights, {}, sizes
    )
    assert "e/image" not in new
    assert torch.equal(tied[IMAGE], edges[IMAGE])


def test_weights_of_of_edges_go_with_them(schema, graph):
    state, edges, _, sizes = states(graph)
    weights = {IMAGE: torch.tensor([2.0, 3.0, 4.0])}
    out = step(schema, missing="token")(state, edges, weights, {}, sizes)[2]
    assert out[IMAGE].tolist() == [2, 3, 4, 1, 1, 1]


def test_modality_dropout_takes_modalities_but_never_all_of_an_entity(schema, graph):
    state, edges, weights, sizes = states(graph)
    weights = {IMAGE: torch.tensor([2.0, 3.0, 4.0])}
    missing = step(schema, modality_dropout=0.5)
    seen = set()
    for _ in range(50):
        _, tied, heavy, _ = missing(state, edges, weights, {}, sizes)
        assert torch.equal(tied["e", "rev_of", "e/image"], tied[IMAGE].flip(0))
        assert heavy[IMAGE].tolist() == [{2: 2.0, 0: 3.0, 4: 4.0}[e] for e in tied[IMAGE][1].tolist()]
        assert torch.equal(tied[TABLE], edges[TABLE]), "an only modality stays"
        text, image = set(tied[TEXT][1].tolist()), set(tied[IMAGE][1].tolist())
        assert text | image == {0, 1, 2, 3, 4}
        seen.add((0 in text, 0 in image))
    assert seen == {(True, True), (True, False), (False, True)}
    missing.eval()
    assert missing(state, edges, weights, {}, sizes)[1] is edges


def test_dropout_takes_a_pair_with_what_it_is_a_pair_of(schema, graph):
    types = tuple(replace(t, made_from=("e/text",)) if t.name == "e/image" else t for t in schema.node_types)
    state, edges, weights, sizes = states(graph)
    missing = step(GraphSchema(types, schema.edge_types), modality_dropout=0.5)
    kept = []
    for _ in range(40):
        tied = missing(state, edges, weights, {}, sizes)[1]
        text, image = (set(tied[triple][1].tolist()) for triple in (TEXT, IMAGE))
        assert image <= text == set(range(5))
        kept.append(len(image))
    # Dropped with its part or by itself: a quarter is left of three, where half would be.
    assert 0.4 < sum(kept) / 40 < 1.1


def test_what_dropout_takes_loses_the_relations_of_its_node_too(schema):
    like, count = ("e/text", "like", "e/text"), 40
    of = torch.arange(count).expand(2, -1)
    sizes = {"e": count, "e/text": count, "e/image": count}
    state = {name: torch.zeros(count, 2) for name in sizes}
    index = torch.cartesian_prod(torch.arange(count), torch.arange(count)).t()
    missing, edges = step(schema, modality_dropout=0.5), {TEXT: of, IMAGE: of, like: index}
    _, tied, weights, _ = missing(state, edges, {like: torch.arange(float(count * count))}, {}, sizes)
    left = tied[TEXT][0]
    assert 10 < len(left) < 40
    assert tied[like].shape[1] == len(left) ** 2
    assert set(tied[like].flatten().tolist()) == set(left.tolist())
    assert torch.equal(weights[like], float(count) * tied[like][0] + tied[like][1])


def test_the_share_that_is_dropped_is_the_probability(schema):
    """Of 4000 entities with two modalities; both would go with .09, and then one of them stays."""
    count = 4000
    of = torch.arange(count).expand(2, -1)
    sizes = {"e": count, "e/text": count, "e/image": count}
    state = {name: torch.zeros(count, 2) for name in sizes}
    tied = step(schema, modality_dropout=0.3)(state, {TEXT: of, IMAGE: of}, {}, {}, sizes)[1]
    assert 1 - tied[TEXT].shape[1] / count == pytest.approx(0.3 - 0.09 / 2, abs=0.03)
    assert tied[TEXT].shape[1] == pytest.approx(tied[IMAGE].shape[1], rel=0.05)
    assert set(tied[TEXT][1].tolist()) | set(tied[IMAGE][1].tolist()) == set(range(count))


def test_what_dropout_takes_a_token_stands_for(schema, graph):
    state, edges, weights, sizes = states(graph)
    missing = step(schema, missing="token", modality_dropout=0.5)
    for _ in range(10):
        tied = missing(state, edges, weights, {}, sizes)[1]
        for triple in (TEXT, IMAGE):
            assert sorted(tied[triple][1].tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("missing", ["absent", "token", "neighbours"])
@pytest.mark.parametrize("layer", ["bottleneck", "mult", "tensor_fusion", "hetero_gat"])
def test_the_model_trains_and_reads_out_the_nodes_of_the_graph(schema, graph, missing, layer):
    options = {"missing": missing, "modality_dropout": 0.3, "layers": [layer, "hetero_gat"]}
    model = make(schema, outputs=list(schema.channels), **options)
    out = model(*graph)
    assert {name: len(x) for name, x in out.items()} == {name: len(x) for name, x in graph[0].items()}
    assert all(torch.isfinite(x).all() for x in out.values())
    if missing == "token":
        sum(x.square().sum() for x in out.values()).backward()
        assert model.missing.token["e/image"].grad.abs().sum() > 0


def test_an_entity_without_modalities_is_told_by_its_token(schema, graph):
    model = make(schema, missing="token").eval()
    before = model(*graph)["e"]
    with torch.no_grad():
        model.missing.token["e/text"] += 1.0
    assert (model(*graph)["e"] != before).any(1).nonzero().flatten().tolist() == [5]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"missing": "zero"}, r"model\.missing"), ({"modality_dropout": 1.0}, r"model\.modality_dropout")],
)
def test_an_option_that_cannot_be_is_refused(schema, options, message):
    with pytest.raises(ConfigError, match=message):
        make(schema, **options)


def test_an_edge_to_a_node_that_is_not_there_is_refused(schema, graph):
    graph[1][IMAGE] = torch.tensor([[9], [0]])
    with pytest.raises(GraphError, match="source node 9"):
        make(schema, missing="token")(*graph)
