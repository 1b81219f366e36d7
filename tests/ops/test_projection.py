"""Operands that the backend multiplies out: the same numbers as from operands that were multiplied out."""

import importlib.util
import sys

import pytest
import torch

from mmgraph.errors import GraphError
from mmgraph.ops import Projection, RelationInput, StackedRows, plan_edges, relational_attention, use_backend
from mmgraph.ops.huge_pages import empty

HEADS, WIDTH, CHANNELS, NODES = 2, 3, 5, 6
BACKENDS = ["torch"] + [name for name in ("numba", "torch_scatter") if importlib.util.find_spec(name)]
NUMBA = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")


@pytest.fixture
def leaf():
    generator = torch.Generator().manual_seed(0)

    def make(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    return make


@pytest.fixture
def relations(leaf):
    """Three relations from two node types into the first, of which two share states and weight."""
    generator = torch.Generator().manual_seed(1)

    def edges(num_edges):
        return plan_edges(torch.randint(NODES, (2, num_edges), generator=generator), NODES, NODES)

    plans = [edges(9), edges(12), edges(0), edges(7)]
    leaves = {
        "x": leaf(NODES, CHANNELS),
        "y": leaf(NODES, CHANNELS),
        # A slot more than there are relations.
        "weight": leaf(3, HEADS, WIDTH, CHANNELS),
        "weight y": leaf(1, HEADS, WIDTH, CHANNELS),
        "bias": leaf(3, HEADS, WIDTH),
        "vector": leaf(4, HEADS, WIDTH),
        "keys": leaf(3, HEADS, WIDTH, CHANNELS),
        "keys y": leaf(1, HEADS, WIDTH, CHANNELS),
        "target": leaf(NODES, 4, HEADS),
        "wide target": leaf(NODES, 4, HEADS, WIDTH),
    }
    return plans, leaves


def values_of(leaves):
    x, weight, bias = leaves["x"], leaves["weight"], leaves["bias"]
    of_y = Projection(leaves["y"], leaves["weight y"], 0)
    return [Projection(x, weight, 0, bias), Projection(x, weight, 2, bias), Projection(x, weight, 1), of_y]


def keys_of(leaves):
    x, keys = leaves["x"], leaves["keys"]
    return [*(Projection(x, keys, slot) for slot in (0, 2, 1)), Projection(leaves["y"], leaves["keys y"], 0)]


def make(score, relations, plain):
    plans, leaves = relations
    values, keys = values_of(leaves), keys_of(leaves)
    if plain:
        values, keys = ([rows.multiply_out() for rows in each] for each in (values, keys))
    target = leaves["target" if score == "gat" else "wide target"]
    made = []
    for number, plan in enumerate(plans):
        vector, share = leaves["vector"][number], values[number]
        if score == "gat":
            share, vector = ((values[number] * vector).sum(-1), None) if plain else (None, vector)
        elif score == "dot":
            share, vector = keys[number], None
        made.append(RelationInput(values[number], share, target, plan, target_slot=number, vector=vector))
    return {"x": made[:2], "y": made[2:]}


def outcome(relations, leaves, score, backend):
    with use_backend(backend):
        out = relational_attention(relations, score=score, sum_relations=True)
    total = sum((y * torch.arange(y.numel(), dtype=y.dtype).view_as(y).sin()).sum() for y in out.values())
    return [
        *out.values(),
        *torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True),
    ]


@pytest.mark.parametrize("score", ["gat", "gatv2", "dot"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_whether_rows_are_multiplied_out_before_makes_no_difference(backend, score, relations):
    wanted = outcome(make(score, relations, plain=True), relations[1], score, "torch")
    got = outcome(make(score, relations, plain=False), relations[1], score, backend)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.fixture(autouse=True, params=["few numbers", "many numbers"])
def _size(request, monkeypatch):
    """What the backend would leave to one large product is left to it, or not."""
    if request.param == "many numbers":
        module = sys.modules["mmgraph.ops.relational_attention"]
        monkeypatch.setattr(module, "_WORTH_BATCHES", 0)


@NUMBA
@pytest.mark.parametrize("score", ["gatv2", "dot"])
def test_relations_in_different_batches_may_share_rows(score, relations, monkeypatch):
    plans, leaves = relations
    rows = Projection(leaves["x"], leaves["weight"], 0)
    target = leaves["wide target"]
    vector = leaves["vector"][0] if score == "gatv2" else None

    def grads(backend):
        with use_backend(backend):
            into = [
                RelationInput(rows, rows, target, plan, target_slot=slot, vector=vector)
                for slot, plan in enumerate(plans[:2])
            ]
            out = relational_attention({"x": into}, score=score, sum_relations=True)["x"]
            return torch.autograd.grad(out.square().sum(), [leaves["x"], leaves["weight"]])

    wanted = grads("torch")
    monkeypatch.setattr("mmgraph.ops.numba_operands._CACHED", 0)
    torch.testing.assert_close(grads("numba"), wanted, rtol=1e-10, atol=1e-12)


@NUMBA
@pytest.mark.parametrize("score", ["gat", "gatv2", "dot"])
def test_nor_does_it_how_many_relations_fit_the_cache(score, relations, monkeypatch):
    together = outcome(make(score, relations, plain=False), relations[1], score, "numba")
    monkeypatch.setattr("mmgraph.ops.numba_operands._CACHED", 1)
    one_by_one = outcome(make(score, relations, plain=False), relations[1], score, "numba")
    torch.testing.assert_close(one_by_one, together, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_can_be_stacked(backend, leaf):
    x, y, weight = leaf(2, CHANNELS), leaf(4, CHANNELS), leaf(2, HEADS, WIDTH, CHANNELS)
    query = leaf(NODES, HEADS, WIDTH)
    edges = plan_edges(torch.tensor([[0, 1, 2, 5, 3, 5], [0, 0, 0, 1, 2, 2]]), 6, NODES)
    stacked = StackedRows((Projection(x, weight, 1), Projection(y, weight, 0)))
    assert stacked.shape == (6, HEADS, WIDTH)
    leaves = {"x": x, "y": y, "weight": weight, "query": query}
    plain = stacked.multiply_out()
    wanted = outcome({"x": [RelationInput(plain, plain, query, edges)]}, leaves, "dot", "torch")
    got = outcome({"x": [RelationInput(stacked, stacked, query, edges)]}, leaves, "dot", backend)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("slot", [None, 1])
def test_a_vector_makes_the_share_of_values_that_are_there(backend, slot, leaf):
    values = leaf(NODES, HEADS, WIDTH) if slot is None else leaf(NODES, 3, HEADS, WIDTH)
    vector, target = leaf(HEADS, WIDTH), leaf(NODES, HEADS)
    edges = plan_edges(torch.tensor([[0, 1, 2, 5], [0, 0, 0, 1]]), NODES, NODES)
    rows = values if slot is None else values[:, slot]
    leaves = {"values": values, "vector": vector, "target": target}
    wanted = outcome(
        {"x": [RelationInput(rows, (rows * vector).sum(-1), target, edges)]}, leaves, "gat", "torch"
    )
    given = RelationInput(values, None, target, edges, source_slot=slot, vector=vector)
    torch.testing.assert_close(
        outcome({"x": [given]}, leaves, "gat", backend), wanted, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_projections_that_differ_in_their_bias_alone_are_not_taken_for_each_other(backend, leaf):
    x, weight, bias = leaf(NODES, CHANNELS), leaf(1, HEADS, WIDTH, CHANNELS), leaf(1, HEADS, WIDTH)
    vector, target = leaf(HEADS, WIDTH), leaf(NODES, HEADS, WIDTH)
    edges = plan_edges(torch.tensor([[0, 1, 2, 5], [0, 0, 0, 1]]), NODES, NODES)
    leaves = {"x": x, "weight": weight, "bias": bias, "vector": vector, "target": target}
    values, source = Projection(x, weight, 0, bias), Projection(x, weight, 0)
    plain = RelationInput(values.multiply_out(), source.multiply_out(), target, edges, vector=vector)
    given = RelationInput(values, source, target, edges, vector=vector)
    torch.testing.assert_close(
        outcome({"x": [given]}, leaves, "gatv2", backend), outcome({"x": [plain]}, leaves, "gatv2", "torch")
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_relations_can_share_rows_and_differ_in_their_vectors(backend, leaf):
    x, weight, target = leaf(NODES, CHANNELS), leaf(1, HEADS, WIDTH, CHANNELS), leaf(NODES, HEADS)
    vectors = [leaf(HEADS, WIDTH), leaf(HEADS, WIDTH)]
    edges = plan_edges(torch.tensor([[0, 1, 2, 5], [0, 0, 0, 1]]), NODES, NODES)
    leaves = {"x": x, "weight": weight, "one": vectors[0], "other": vectors[1], "target": target}
    values = Projection(x, weight, 0)
    given = [RelationInput(values, None, target, edges, vector=vector) for vector in vectors]
    rows = values.multiply_out()
    plain = [RelationInput(rows, (rows * vector).sum(-1), target, edges) for vector in vectors]
    torch.testing.assert_close(
        outcome({"x": given}, leaves, "gat", backend), outcome({"x": plain}, leaves, "gat", "torch")
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_gradient_is_made_that_nobody_wants(backend, relations):
    plans, leaves = relations
    fixed = {name: x.detach() for name, x in leaves.items()}
    fixed["weight"].requires_grad_()
    with use_backend(backend):
        out = relational_attention(make("gat", (plans, fixed), plain=False), sum_relations=True)
    (out["x"].sum() + out["y"].sum()).backward()
    assert fixed["weight"].grad.abs().sum() > 0
    assert all(x.grad is None for name, x in fixed.items() if name != "weight")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.ones(1, HEADS, WIDTH, 9)}, "wanted [S, C] and [K, H, D, C]"),
        ({"bias": torch.ones(2, HEADS, WIDTH)}, "wanted (1, 2, 3)"),
        ({"slot": 1}, "got slot 1; wanted 0 to 0"),
    ],
)
def test_a_projection_that_does_not_fit_is_refused(change, message):
    options = {"weight": torch.ones(1, HEADS, WIDTH, CHANNELS), "slot": 0, **change}
    values = Projection(torch.ones(NODES, CHANNELS), **options)
    edges = plan_edges(torch.tensor([[0], [0]]), NODES, NODES)
    relation = RelationInput(values, torch.ones(NODES, HEADS), torch.ones(NODES, HEADS), edges)
    with pytest.raises(GraphError) as caught:
        relational_attention({"x": [relation]})
    assert message in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(0, 4), (3,), (1200, 1024)])
def test_an_array_is_as_asked_for(dtype, shape):
    tensor = empty(shape, dtype)
    assert tensor.shape == shape
    assert tensor.dtype == dtype
    assert tensor.is_contiguous()
