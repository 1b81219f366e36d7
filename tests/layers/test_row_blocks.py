"""Blocks of rows are the modules themselves: values, gradients, dropped places; nothing between is kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn import functional

from mmgraph import worker_threads
from mmgraph.layers import row_blocks
from mmgraph.layers.blocks import FeedForward
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.row_blocks import row_by_row


@pytest.fixture
def small_blocks(monkeypatch):
    """Have blocks of 16 rows of width 8 in float64, and more than one thread."""
    monkeypatch.setattr(row_blocks, "_BLOCK_BYTES", 16 * 8 * 8)
    monkeypatch.setattr(row_blocks, "_FEWEST_ROWS", 1)
    monkeypatch.setattr(row_blocks, "_WORTH_BLOCKS", 2)
    monkeypatch.setattr(row_blocks, "useful_threads", lambda numbers: 3)


def passed(body, x, *, residual, blocks, monkeypatch, seed=0):
    """Return the values and all gradients."""
    monkeypatch.setattr(row_blocks, "_WORTH_BLOCKS", 2 if blocks else 10**9)
    body.zero_grad()
    x = x.detach().requires_grad_(x.requires_grad)
    torch.manual_seed(seed)
    y = row_by_row(body, x, residual=residual)
    kind = type(y.grad_fn).__name__
    assert ("RowBlocks" in kind) == blocks, kind
    y.backward(torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y))
    return [y.detach(), x.grad, *(each.grad for each in body.parameters())]


BODIES = {
    "feed-forward": lambda: FeedForward("a", 4, 8, 0.5, "layer").body,
    "without a norm": lambda: FeedForward("a", 4, 8, 0.25, "none").body,
    "norm and map": lambda: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4, bias=False)),
    "a map alone": lambda: nn.Sequential(Dropout(0.9), nn.Linear(4, 4)),
    "no map at the end": lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU()),
    "no map": lambda: nn.Sequential(nn.LayerNorm(4), Dropout(0.5)),
}


@pytest.mark.parametrize("rows", [65, 96, 130])
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("residual", [True, False])
def test_values_and_gradients_are_the_modules(small_blocks, monkeypatch, name, rows, residual):
    torch.manual_seed(1)
    body = BODIES[name]().double()
    x = torch.randn(rows, 4, dtype=torch.float64, requires_grad=True)
    found = passed(body, x, residual=residual, blocks=True, monkeypatch=monkeypatch)
    wanted = passed(body, x, residual=residual, blocks=False, monkeypatch=monkeypatch)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("frozen", [[], [1], [4], [0, 1], [0, 1, 4]])
@pytest.mark.parametrize("given", [True, False])
def test_only_what_is_learnt_gets_a_gradient(small_blocks, monkeypatch, frozen, given):
    body = FeedForward("a", 4, 8, 0.5, "layer").double().body
    for place in frozen:
        body[place].requires_grad_(False)
    if frozen == [0, 1, 4]:
        body[4].bias.requires_grad_(True)
    x = torch.randn(100, 4, dtype=torch.float64, requires_grad=given)
    found = passed(body, x, residual=True, blocks=True, monkeypatch=monkeypatch)
    wanted = passed(body, x, residual=True, blocks=False, monkeypatch=monkeypatch)
    assert [each is None for each in found] == [each is None for each in wanted]
    found, wanted = ([each for each in some if each is not None] for some in (found, wanted))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_the_same_seed_gives_the_same(small_blocks, monkeypatch):
    body = BODIES["feed-forward"]()
    x = torch.randn(100, 4, requires_grad=True)
    one, two = (passed(body, x, residual=True, blocks=True, monkeypatch=monkeypatch) for _ in "ab")
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    other = passed(body, x, residual=True, blocks=True, monkeypatch=monkeypatch, seed=1)
    assert not torch.equal(one[0], other[0])


def test_nothing_in_between_is_kept(small_blocks):
    block = FeedForward("a", 4, 8, 0.5, "layer").double()
    x = torch.randn(100, 4, dtype=torch.float64, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        block(x)
    own = {each.data_ptr() for each in [x, *block.parameters()]}
    assert {each.data_ptr() for each in kept} == own


def test_weights_that_stand_in_for_a_modules_are_the_ones(small_blocks):
    block = FeedForward("a", 4, 8, 0.0, "layer").double()
    others = {name: torch.randn_like(each).requires_grad_() for name, each in block.named_parameters()}
    x = torch.randn(100, 4, dtype=torch.float64, requires_grad=True)
    y = torch.func.functional_call(block, others, (x,))
    found = torch.autograd.grad(y.sum(), [x, *others.values()])
    block.load_state_dict(others)
    wanted = torch.autograd.grad(block(x).sum(), [x, *block.parameters()])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_a_weight_that_changes_before_the_gradient_is_noticed(small_blocks):
    block = FeedForward("a", 4, 8, 0.0, "layer").double()
    y = block(torch.randn(100, 4, dtype=torch.float64, requires_grad=True))
    with torch.no_grad():
        block.body[1].weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


LISTEN = {
    "before": lambda block, hear: block.body[1].register_forward_pre_hook(hear),
    "after": lambda block, hear: block.body[1].register_forward_hook(hear),
    "gradient": lambda block, hear: block.body[1].register_full_backward_hook(hear),
    "before the gradient": lambda block, hear: block.body[1].register_full_backward_pre_hook(hear),
    "all of it": lambda block, hear: block.body.register_forward_hook(hear),
    "its gradient": lambda block, hear: block.body.register_full_backward_hook(hear),
}


@pytest.mark.parametrize("way", LISTEN)
def test_whoever_listens_to_a_module_hears_it(small_blocks, way):
    block, heard = FeedForward("a", 4, 8, 0.0, "layer").double(), []
    x = torch.randn(100, 4, dtype=torch.float64, requires_grad=True)
    hook = LISTEN[way](block, lambda *_: heard.append(1))
    block(x).sum().backward()
    assert heard == [1]
    hook.remove()
    assert "RowBlocks" in type(block(x).grad_fn).__name__


def test_whoever_listens_to_all_modules_hears_them(small_blocks):
    block, heard = FeedForward("a", 4, 8, 0.0, "layer").double(), []
    hook = nn.modules.module.register_module_forward_hook(lambda module, *_: heard.append(module))
    try:
        block(torch.randn(100, 4, dtype=torch.float64))
    finally:
        hook.remove()
    assert heard == [*block.body, block.body, block]


def test_a_function_in_place_of_a_modules_is_called(small_blocks, monkeypatch):
    linear = nn.Linear(4, 8).double()
    monkeypatch.setattr(linear, "forward", lambda x: 2 * functional.linear(x, linear.weight))
    x = torch.randn(100, 4, dtype=torch.float64)
    assert torch.equal(row_by_row([linear], x), 2 * functional.linear(x, linear.weight))


def test_a_trace_is_of_any_rows(small_blocks):
    block, x = FeedForward("a", 4, 8, 0.0, "layer").double().eval(), torch.randn(100, 4).double()
    traced = torch.jit.trace(block, x)
    torch.testing.assert_close(traced(2 * x), block(2 * x))


def test_blocks_of_wide_rows_are_worth_reading_the_weights(monkeypatch):
    sizes = []
    monkeypatch.setattr(row_blocks, "useful_threads", lambda numbers: 1)
    linear = nn.Linear(20_000, 2)
    hear = functional.linear
    monkeypatch.setattr(functional, "linear", lambda x, *own: sizes.append(len(x)) or hear(x, *own))
    row_by_row([linear], torch.zeros(1_100, 20_000))
    # The first one tells how wide the result is.
    assert sizes == [1, *[128] * 8, 76]


def test_a_module_that_is_not_known_is_called(small_blocks):
    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    body = nn.Sequential(Doubled(4, 8)).double()
    x = torch.randn(100, 4, dtype=torch.float64)
    assert torch.equal(row_by_row(body, x), body(x))


def test_inference_mode_and_half_precision(small_blocks):
    block = FeedForward("a", 4, 8, 0.5, "layer").double().eval()
    x = torch.randn(100, 4, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(block(x.clone()), x + block.body(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert block.float().body[:2](x.float()).dtype == torch.bfloat16
        torch.testing.assert_close(block(x.float()), x.float() + block.body(x.float()))


def test_an_error_in_a_thread_is_the_callers(small_blocks, monkeypatch):
    def fail(x, *args):
        if threading.current_thread().name.startswith("mmgraph-single"):
            raise RuntimeError("not enough memory")
        return x @ args[0].T

    monkeypatch.setattr("torch.nn.functional.linear", fail)
    with pytest.raises(RuntimeError, match="not enough memory"):
        row_by_row(nn.Sequential(nn.Linear(4, 8, bias=False)).double(), torch.randn(100, 4).double())


def test_each_thread_takes_one_core_and_the_others_keep_theirs():
    before, seen = torch.get_num_threads(), []
    together = threading.Barrier(3)

    def look():
        together.wait(60)
        seen.append(torch.get_num_threads())

    torch.set_num_threads(2)
    try:
        worker_threads.run_on_single_cores([look] * 3)
        here = torch.get_num_threads()
        late = []
        thread = threading.Thread(target=lambda: late.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    finally:
        torch.set_num_threads(before)
    assert (seen, here, late) == ([1, 1, 1], 2, [2])


def test_one_at_a_time_starts_threads(monkeypatch):
    at_work, most = [], []

    def start(wanted):
        at_work.append(wanted)
        most.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()
        return ThreadPoolExecutor(wanted)

    monkeypatch.setattr(worker_threads, "_single", None)
    monkeypatch.setattr(worker_threads, "_started", start)
    callers = [
        threading.Thread(target=worker_threads.run_on_single_cores, args=([int] * n,)) for n in (2, 3, 4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert most == [1] * len(most)


def test_threads_that_cannot_be_started_keep_nobody_waiting(monkeypatch):
    start, begun = threading.Thread.start, []

    def start_one(thread):
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    before = torch.get_num_threads()
    monkeypatch.setattr(worker_threads, "_single", None)
    with monkeypatch.context() as few:
        few.setattr(threading.Thread, "start", start_one)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            worker_threads.run_on_single_cores([int] * 2)
    begun[0].join(60)
    assert not begun[0].is_alive()
    assert torch.get_num_threads() == before
    done = []
    worker_threads.run_on_single_cores([lambda: done.append(1)] * 2)
    assert done == [1, 1]
