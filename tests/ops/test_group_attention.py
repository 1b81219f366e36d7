"""Attention in compiled loops is a softmax and a sum, group by group, outputs and gradients."""

import pytest
import torch

from mmgraph.errors import GraphError
from mmgraph.ops import use_backend
from mmgraph.ops.group_attention import group_attention, loops_suit, make_groups

HEADS, WIDTH, SCALE = 2, 3, 0.7
# Queries and tokens of each group, out of order; query 3 is in no group, and token 4 in none either.
GROUPS = [([2], [0, 5, 3]), ([0, 4], [1]), ([1], [6, 2])]


@pytest.fixture
def groups():
    def padded(rows):
        size = max(map(len, rows))
        return torch.tensor([row + [-1] * (size - len(row)) for row in rows])

    return make_groups([(padded([q for q, _ in GROUPS]), padded([t for _, t in GROUPS]))])


# Keys and values of each head, or one vector that is both for all heads.
LAYOUTS = [
    {"value_start": HEADS * WIDTH, "head_step": WIDTH, "scale": SCALE},
    {"value_start": 0, "head_step": 0, "scale": SCALE},
]


def operands(layout, *, head_by_head=False):
    torch.manual_seed(0)
    query = torch.randn(5, HEADS, WIDTH, dtype=torch.float64)
    if head_by_head:
        query = query.transpose(0, 1).contiguous().transpose(0, 1)
    columns = layout["value_start"] + layout["head_step"] * (HEADS - 1) + WIDTH
    return query.requires_grad_(), torch.randn(7, columns, dtype=torch.float64, requires_grad=True)


def reference(query, memory, layout):
    out = torch.zeros_like(query)
    for queries, tokens in GROUPS:
        for q in queries:
            for h in range(HEADS):
                first = h * layout["head_step"]
                key = memory[tokens, first : first + WIDTH]
                value = memory[tokens, first + layout["value_start"] :][:, :WIDTH]
                out[q, h] = (layout["scale"] * key @ query[q, h]).softmax(0) @ value
    return out


@pytest.mark.parametrize("head_by_head", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS, ids=["keys and values", "raw"])
def test_it_is_a_softmax_and_a_sum(groups, layout, head_by_head):
    query, memory = operands(layout, head_by_head=head_by_head)
    out, wanted = group_attention(query, memory, groups, **layout), reference(query, memory, layout)
    torch.testing.assert_close(out, wanted)
    assert torch.equal(out[3], torch.zeros(HEADS, WIDTH).double()), "a query in no group"
    direction = torch.randn_like(out)
    mine, theirs = (torch.autograd.grad((y * direction).sum(), (query, memory)) for y in (out, wanted))
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("layout", LAYOUTS, ids=["keys and values", "raw"])
def test_gradients_are_those_of_what_is_computed_with_dropout_too(groups, layout):
    def attend(query, memory):
        torch.manual_seed(1)
        return group_attention(query, memory, groups, dropout=0.4, **layout)

    assert torch.autograd.gradcheck(attend, operands(layout))


def test_dropout_keeps_the_mean(groups):
    layout = LAYOUTS[0]
    query, memory = operands(layout)
    with torch.no_grad():
        wanted = group_attention(query, memory, groups, **layout)
        mean = sum(group_attention(query, memory, groups, dropout=0.3, **layout) for _ in range(4000)) / 4000
    torch.testing.assert_close(mean, wanted, atol=0.1, rtol=0)
    assert not torch.equal(mean, wanted)


def test_large_logits_do_not_overflow(groups):
    layout = LAYOUTS[0] | {"scale": 1e6}
    assert group_attention(*operands(layout), groups, **layout).isfinite().all()


def test_threads_do_not_change_the_bits():
    count = 40_000
    rows = torch.arange(2 * count).view(count, 2)
    groups = make_groups([(rows, rows)])
    query, memory = torch.randn(2 * count, HEADS, WIDTH), torch.randn(2 * count, 2 * HEADS * WIDTH)
    found, threads = [], torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(group_attention(query, memory, groups, **LAYOUTS[0]))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_loops_suit_small_groups_on_the_cpu():
    query, memory = operands(LAYOUTS[0])
    assert loops_suit(query, memory, 4)
    assert not loops_suit(query, memory, 1000)
    assert not loops_suit(query.bfloat16(), memory.bfloat16(), 4)
    with use_backend("torch"):
        assert not loops_suit(query, memory, 4)


def test_memory_of_any_width_and_only_what_is_there():
    """A row of the memory may be wider than its heads; what is beyond its end is refused, not read."""
    groups = make_groups([(torch.tensor([[0], [1]]), torch.tensor([[0, 1], [2, -1]]))])
    query = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(3, 13, dtype=torch.float64, requires_grad=True)

    def attend(query, memory):
        return group_attention(query, memory, groups, value_start=5, head_step=4, scale=0.5)

    assert torch.autograd.gradcheck(attend, (query, memory))
    for narrow in (memory[:, :12], memory[:2]):
        with pytest.raises(GraphError, match="wanted 2 queries, 3 tokens and a width of 13"):
            attend(query, narrow)
