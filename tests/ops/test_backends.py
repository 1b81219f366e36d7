"""Every backend against the reference: outputs and gradients, on graphs with everything that may trip one."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.ops import (
    BACKENDS,
    RelationInput,
    attention_weights,
    plan_edges,
    relational_attention,
    use_backend,
)
from mmgraph.ops.backends import backend_for

# Backends that must be there, with commas between them: their tests fail where they would be skipped.
REQUIRED = set(filter(None, os.environ.get("MMGRAPH_REQUIRE_BACKENDS", "").split(",")))


def _absent(name):
    return importlib.util.find_spec(name) is None and name not in REQUIRED


def _backend(name, usable=True):
    missing = f"{name} is not installed" if _absent(name) else None
    if not missing and not usable:
        missing = "there is no GPU; see the test in Triton's interpreter"
    return pytest.param(name, marks=[pytest.mark.skip(reason=missing)] if missing else [])


# Triton decides when it is imported whether its kernels run on a GPU or in Python.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

OTHERS = [_backend("numba"), _backend("torch_scatter")]
ALL = [*OTHERS, _backend("triton", torch.cuda.is_available() or INTERPRETED)]

GRAPHS = {
    # Sources, targets, and the edges of each relation; several edges between two nodes, self-loops, and
    # nodes without edges on either side.
    "mixed": (5, 6, [[(0, 0), (0, 0), (3, 0), (1, 1), (1, 2), (3, 2), (4, 2)], [(2, 3), (0, 0), (4, 4)]]),
    "an empty relation": (3, 4, [[(0, 1), (2, 1)], []]),
    "no edge": (3, 2, [[]]),
    "one node": (1, 1, [[(0, 0)]]),
    "a hub": (40, 2, [[(i, 1) for i in range(40)], [(0, i % 2) for i in range(20)]]),
}

HEADS, WIDTH = 2, 3


@dataclass
class Case:
    """Operands that require gradients, and the relations made of them."""

    leaves: dict
    make: object

    def attend(self, backend, *, sum_relations=True, leaves=None, **options):
        leaves = self.leaves if leaves is None else leaves
        with use_backend(backend):
            return relational_attention({"x": self.make(leaves)}, sum_relations=sum_relations, **options)["x"]

    def gradients(self, out):
        direction = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(7))
        leaves = list(self.leaves.values())
        total = (out * direction.to(out.device)).sum()
        return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


def make_case(graph, score, options=(), *, dtype=torch.float64, width=WIDTH, device="cpu"):
    num_source, num_target, relations = GRAPHS[graph] if isinstance(graph, str) else graph
    generator = torch.Generator().manual_seed(1)

    def leaf(*shape, positive=False):
        x = torch.randn(*shape, dtype=torch.float64, generator=generator)
        return (x.abs() + 0.5 if positive else x).to(device, dtype).requires_grad_()

    each = (HEADS,) if score == "gat" else (HEADS, width)
    # One slot more than there are relations: nobody writes to its gradient.
    slots = len(relations) + 1
    leaves = {
        "values": leaf(num_source, slots, HEADS, width),
        "source": leaf(num_source, slots, *each),
        "target": leaf(num_target, slots, *each),
    }
    if score == "gatv2":
        leaves["vector"] = leaf(HEADS, width)
    indexes = [torch.tensor(r, dtype=torch.int64).view(-1, 2).t().contiguous().to(device) for r in relations]
    keeps = [torch.rand(index.shape[1], generator=generator).to(device) > 0.4 for index in indexes]
    for number, index in enumerate(indexes):
        if "weight" in options:
            leaves[f"weight {number}"] = leaf(index.shape[1], positive=True)
        if "bias" in options:
            leaves[f"bias {number}"] = leaf(index.shape[1], HEADS)

    def make(leaves):
        return [
            RelationInput(
                leaves["values"],
                leaves["values"] if "shared" in options else leaves["source"],
                leaves["target"],
                plan_edges(index, num_source, num_target),
                source_slot=number,
                target_slot=number,
                vector=leaves.get("vector"),
                weight=leaves.get(f"weight {number}"),
                bias=leaves.get(f"bias {number}"),
                keep=keeps[number] if "keep" in options else None,
            )
            for number, index in enumerate(indexes)
        ]

    return Case(leaves, make)


def device_of(backend):
    return "cuda" if backend == "triton" and not INTERPRETED else "cpu"


SCORES = ["gat", "gatv2", "dot"]
OPTIONS = [(), ("weight",), ("keep",), ("bias",), ("weight", "keep", "bias"), ("shared",)]


def options_of(score, options):
    if "shared" in options and score == "gat":
        pytest.skip("the logits of gat have another shape than the values")
    return options


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "plain")
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("backend", ALL)
def test_it_is_the_reference_outputs_and_gradients(backend, graph, score, options):
    case = make_case(graph, score, options_of(score, options), device=device_of(backend))
    for sum_relations in (True, False):
        out, wanted = (case.attend(b, score=score, sum_relations=sum_relations) for b in (backend, "torch"))
        torch.testing.assert_close(out, wanted, atol=1e-11, rtol=1e-11)
        for mine, theirs in zip(case.gradients(out), case.gradients(wanted), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("backend", ["torch", *OTHERS])
def test_its_gradients_are_those_of_what_it_computes(backend, score):
    case = make_case("mixed", score, ("weight", "keep", "bias"))

    def attend(*leaves):
        return case.attend(backend, score=score, leaves=dict(zip(case.leaves, leaves, strict=True)))

    assert torch.autograd.gradcheck(attend, tuple(case.leaves.values()))


@pytest.mark.parametrize("width", [1, 7, 32])
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("backend", ALL)
def test_any_width_will_do(backend, score, width):
    case = make_case("mixed", score, width=width, device=device_of(backend))
    out, wanted = (case.attend(b, score=score) for b in (backend, "torch"))
    torch.testing.assert_close(out, wanted, atol=1e-11, rtol=1e-11)
    torch.testing.assert_close(case.gradients(out), case.gradients(wanted), atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("backend", ["torch", *ALL])
def test_less_precision_is_less_precise_and_no_worse(backend, score, dtype, tolerance):
    case = make_case("mixed", score, ("weight",), dtype=dtype, device=device_of(backend))
    exact = {name: leaf.detach().double().requires_grad_() for name, leaf in case.leaves.items()}
    out = case.attend(backend, score=score)
    assert out.dtype == dtype
    wanted = case.attend("torch", score=score, leaves=exact)
    torch.testing.assert_close(out.double(), wanted, atol=tolerance, rtol=tolerance)
    for gradient in case.gradients(out):
        assert gradient.dtype == dtype
        assert torch.isfinite(gradient).all()


def big_case(score):
    generator = torch.Generator().manual_seed(2)
    edges = torch.randint(0, 300, (3, 2, 4000), generator=generator).transpose(1, 2)
    return make_case(
        (300, 300, [[tuple(e) for e in r.tolist()] for r in edges]), score, dtype=torch.float32, width=32
    )


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
def test_the_bits_depend_neither_on_the_threads_nor_on_the_day(score):
    case, before = big_case(score), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 2, 1):
            torch.set_num_threads(threads)
            out = case.attend("numba", score=score)
            results.append((out, *case.gradients(out)))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


@pytest.mark.parametrize("level", [1e4, -1e4])
@pytest.mark.parametrize("backend", ["torch", *ALL])
def test_large_scores_neither_overflow_nor_underflow(backend, level):
    case = make_case("a hub", "gat", dtype=torch.float32, device=device_of(backend))
    leaves = dict(case.leaves, source=torch.full_like(case.leaves["source"], level))
    out = case.attend(backend, leaves=leaves)
    wanted = case.attend(backend, leaves=dict(leaves, source=torch.zeros_like(leaves["source"])))
    torch.testing.assert_close(out, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backend", ["torch", *ALL])
def test_a_node_whose_edges_are_all_dropped_gets_nothing(backend):
    device = device_of(backend)
    values = torch.ones(2, 1, 2, device=device, requires_grad=True)
    logits = torch.zeros(2, 1, device=device, requires_grad=True)
    edges = plan_edges(torch.tensor([[0, 1, 1], [0, 0, 1]], device=device), 2, 2)
    keep = torch.tensor([False, False, True], device=device)
    with use_backend(backend):
        out = relational_attention({"x": [RelationInput(values, logits, logits, edges, keep=keep)]})["x"][0]
    assert out.flatten().tolist() == [0.0, 0.0, 1.0, 1.0]
    out.sum().backward()
    assert values.grad.flatten().tolist() == [0.0, 0.0, 1.0, 1.0]
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("backend", ["torch", *OTHERS])
def test_several_node_types_go_through_at_once(backend):
    one, other = make_case("mixed", "gat"), make_case("a hub", "gat")
    with use_backend(backend):
        both = relational_attention(
            {"a": one.make(one.leaves), "b": other.make(other.leaves)}, sum_relations=True
        )
    assert list(both) == ["a", "b"]
    torch.testing.assert_close(both["a"], one.attend("torch"), atol=1e-11, rtol=0)
    torch.testing.assert_close(both["b"], other.attend("torch"), atol=1e-11, rtol=0)
    assert relational_attention({}) == {}


@pytest.mark.parametrize("backend", ["torch", *OTHERS])
def test_backward_can_be_run_again(backend):
    case = make_case("mixed", "gat")
    out = case.attend(backend).square().sum()
    leaves = list(case.leaves.values())
    first = torch.autograd.grad(out, leaves, retain_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(first, torch.autograd.grad(out, leaves), strict=True))


# torch.compile looks at the gradients of whatever it meets.
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
@pytest.mark.parametrize("backend", ["torch", *OTHERS])
def test_it_works_under_torch_compile(backend):
    case = make_case("mixed", "gat")

    def attend(values):
        return case.attend(backend, leaves=dict(case.leaves, values=values * 2)) + 1

    out = torch.compile(attend, backend="eager")(case.leaves["values"])
    torch.testing.assert_close(out, attend(case.leaves["values"]))


def test_attention_weights_are_those_that_the_messages_are_made_of():
    case = make_case("mixed", "gat", ("weight", "keep"))
    relations = case.make(case.leaves)
    for relation, attention, message in zip(
        relations,
        attention_weights({"x": relations})["x"],
        relational_attention({"x": relations})["x"],
        strict=True,
    ):
        values = relation.values[:, relation.source_slot]
        wanted = torch.zeros_like(message)
        edges = relation.edges
        order = torch.arange(edges.num_edges) if edges.order is None else edges.order
        for position, e in enumerate(order.tolist()):
            wanted[edges.target[position]] += attention[e].unsqueeze(-1) * values[edges.source[position]]
        torch.testing.assert_close(message, wanted)


def test_no_more_than_an_edge_by_head_is_kept_for_the_backward_pass():
    if BACKENDS["numba"].missing():
        pytest.skip("numba is not installed")
    case, kept = big_case("gat"), []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        case.attend("numba")
    assert max(x.numel() for x in kept) == case.leaves["values"].numel()
    assert sum(x.numel() == 4000 * HEADS for x in kept) == 3


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="this is the interpreter")
@pytest.mark.skipif(_absent("triton"), reason="triton is not installed")
def test_triton_is_right_in_its_interpreter():
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "triton", __file__]
    env = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def test_required_backends_are_there():
    assert set(BACKENDS) >= REQUIRED
    assert [name for name in REQUIRED if BACKENDS[name].missing()] == []


def test_the_fastest_is_taken_and_another_on_request():
    cpu = torch.device("cpu")
    usual = backend_for(cpu).name
    assert usual == ("torch" if BACKENDS["numba"].missing() else "numba")
    with use_backend("torch"):
        assert backend_for(cpu).name == "torch"
        with use_backend(usual):
            assert backend_for(cpu).name == usual
        assert backend_for(cpu).name == "torch"
    assert backend_for(cpu).name == usual


def test_a_backend_that_is_not_there_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match=r"no backend 'nunba'.*numba"), use_backend("nunba"):
        pass
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with (
        pytest.raises(ConfigError, match="'triton' cannot be used: triton is not installed"),
        use_backend("triton"),
    ):
        pass
    assert backend_for(torch.device("cpu")).name == "torch"


def test_a_backend_for_another_device_is_refused():
    if BACKENDS["numba"].missing():
        pytest.skip("numba is not installed")
    with use_backend("numba"), pytest.raises(ConfigError, match="works on cpu, not on cuda"):
        backend_for(torch.device("cuda"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": (5, 2, 3)}, r"relations\['x'\]\[0\].values: got the shape \(5, 2, 3\)"),
        ({"source": (5, 3, 3)}, r"source: got the shape \(5, 3, 3\); wanted \(5, 3, 2\)"),
        ({"target": (6, 1, 2)}, r"target"),
    ],
)
def test_operands_that_do_not_fit_are_refused(change, message):
    case = make_case("mixed", "gat")
    leaves = dict(case.leaves, **{name: torch.zeros(shape) for name, shape in change.items()})
    with pytest.raises(GraphError, match=message):
        case.attend("torch", leaves=leaves)


def test_a_score_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"no score 'gta'.*'gat'"):
        make_case("mixed", "gat").attend("torch", score="gta")


def test_kernels_are_imported_when_they_are_needed():
    modules = "[name for name in sys.modules if name.startswith('mmgraph') and name.endswith('_kernels')]"
    code = f"import sys, mmgraph.layers; sys.exit(len({modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
