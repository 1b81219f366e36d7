"""Segment reductions against loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.ops import segment_max, segment_mean, segment_softmax, segment_sum


@st.composite
def segments(draw):
    num_segments = draw(st.integers(1, 5))
    index = draw(st.lists(st.integers(0, num_segments - 1), max_size=12))
    seed = draw(st.integers(0, 1000))
    values = torch.randn(len(index), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return values, torch.tensor(index, dtype=torch.int64), num_segments


@given(segments())
def test_each_segment_is_reduced_by_itself(case):
    values, index, num_segments = case
    total = segment_sum(values, index, num_segments)
    mean = segment_mean(values, index, num_segments)
    top = segment_max(values, index, num_segments)
    share = segment_softmax(values, index, num_segments)
    with_sentinel = segment_softmax(values, index, num_segments, sentinel=True)
    for segment in range(num_segments):
        rows = values[index == segment]
        torch.testing.assert_close(total[segment], rows.sum(0))
        torch.testing.assert_close(mean[segment], rows.mean(0) if len(rows) else torch.zeros(3).double())
        torch.testing.assert_close(top[segment], rows.amax(0) if len(rows) else torch.zeros(3).double())
        torch.testing.assert_close(share[index == segment], rows.softmax(0))
        one_more = torch.cat([rows, torch.zeros(1, 3).double()]).softmax(0)[:-1]
        torch.testing.assert_close(with_sentinel[index == segment], one_more)


def test_sums_keep_further_dimensions():
    values = torch.arange(12.0).view(2, 2, 3)
    total = segment_sum(values, torch.tensor([1, 1]), 2)
    assert torch.equal(total[1], values.sum(0))
    assert segment_mean(values, torch.tensor([1, 1]), 2).shape == (2, 2, 3)


@pytest.mark.parametrize("sentinel", [False, True])
def test_softmax_has_the_right_gradient(sentinel):
    logits = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([2, 0, 2, 2, 0, 3])
    assert torch.autograd.gradcheck(lambda x: segment_softmax(x, index, 5, sentinel=sentinel), logits)


@pytest.mark.parametrize("level", [1e4, -1e4])
def test_softmax_neither_overflows_nor_underflows(level):
    share = segment_softmax(torch.full((2, 1), level), torch.tensor([0, 0]), 1)
    assert torch.equal(share, torch.full((2, 1), 0.5))


def test_a_row_at_minus_infinity_gets_nothing_even_where_it_is_alone():
    logits = torch.tensor([[0.0], [-torch.inf], [-torch.inf]], requires_grad=True)
    share = segment_softmax(logits, torch.tensor([0, 0, 1]), 2)
    assert share.flatten().tolist() == [1.0, 0.0, 0.0]
    share.sum().backward()
    assert torch.isfinite(logits.grad).all()
