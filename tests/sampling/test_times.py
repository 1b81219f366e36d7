"""Times are compared exactly, whatever numbers they are."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from mmgraph.errors import GraphError
from mmgraph.sampling import NeighbourSampler
from mmgraph.sampling.times import Times, read_limits, read_times
from tests.sampling.conftest import sample

whole = st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-5, 5)
near = st.integers(-3, 3).map(lambda step: 2**53 + step) | st.integers(-600, 600).map(
    lambda step: 2**62 + step
)
fractional = st.floats(allow_nan=False) | near.map(float)


def value(number: float) -> Fraction | float:
    return number if isinstance(number, float) and math.isinf(number) else Fraction(number)


def tensor(number: float) -> torch.Tensor:
    return torch.tensor([number], dtype=torch.float64 if isinstance(number, float) else torch.int64)


@given(time=whole | near | fractional, limit=whole | near | fractional)
@example(time=2**60 + 1, limit=2.0**60)
@example(time=2.0**60, limit=2**60 - 1)
@example(time=2**63 - 1, limit=2.0**63)
@example(time=2.0**63, limit=2**63 - 1)
@example(time=-0.0, limit=0)
def test_comparisons_are_exact(time, limit):
    times, limits = read_times(tensor(time), "time"), read_limits(tensor(limit), "limit")
    assert bool(times.ordered[0] <= limits.of(times)[0]) == (value(time) <= value(limit))
    own = times.as_limits()
    for other in (Times(times.ordered, True), Times(times.ordered, False)):
        if other.fractional == times.fractional:
            assert own.of(other)[0] == times.ordered[0]


@pytest.mark.parametrize("beside", [False, True])
def test_nanoseconds_are_told_apart_beside_fractions(beside):
    data, begin = HeteroData(), 2**60
    data["p"].num_nodes = 4
    data["p", "l", "p"].edge_index = torch.tensor([[1, 2, 3], [0, 0, 0]])
    data["p", "l", "p"].time = begin + torch.arange(3)
    if beside:
        data["p", "m", "p"].edge_index = data["p", "l", "p"].edge_index
        data["p", "m", "p"].time = torch.tensor([1.5, 2.5, 3.5])
    sampler = NeighbourSampler(data, [-1], time_attr="time", seed=0)
    for number in range(3):
        out = sample(sampler, [0], "p", torch.tensor([begin + number]))
        assert out.edge["p", "l", "p"].tolist() == list(range(number + 1))
    if beside:
        out = sample(sampler, [0, 0], "p", torch.tensor([2, 3]))
        assert out.edge["p", "m", "p"].tolist() == [0, 0, 1]


def test_what_is_no_time():
    for values in (torch.tensor([1.0, float("nan")]), torch.ones(2, 2), torch.tensor([True])):
        with pytest.raises(GraphError, match="wanted one time a row, none of them NaN"):
            read_times(values, "time")
    with pytest.raises(GraphError, match=r"wanted numbers below 2\^63"):
        read_times(torch.tensor([2**63 + 1], dtype=torch.uint64), "time")
