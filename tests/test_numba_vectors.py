"""The exponential of the kernels: as exact as float32 is, and right at the ends."""

import numpy as np
import pytest

pytest.importorskip("numba")

from mmgraph.numba_vectors import choose, exp, kernel, lanes_of, larger, load, store


@kernel
def write_exp(numbers, out, lanes):
    for position in range(0, len(numbers), len(lanes)):
        store(out, position, exp(load(numbers, position, lanes)))


@kernel
def write_larger(one, other, out, lanes):
    for position in range(0, len(one), len(lanes)):
        a, b = load(one, position, lanes), load(other, position, lanes)
        store(out, position, choose(a, larger(a, b), b))


@pytest.mark.parametrize("lanes", [1, 2, 8, 32])
@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 2), (np.float64, 1)])
def test_exp_is_as_exact_as_its_type(lanes: int, dtype: type, ulps: int) -> None:
    numbers = np.linspace(-86, 0, 32_000).astype(dtype)
    out = np.empty_like(numbers)
    write_exp(numbers, out, lanes_of(lanes))
    true = np.exp(numbers.astype(np.longdouble))
    assert np.abs((out - true) / np.spacing(true.astype(dtype))).max() <= ulps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_far_below_0_gives_0_and_what_is_no_number_stays_none(dtype: type) -> None:
    numbers = np.array([-np.inf, -1e30, -1000, 0, -0.0, np.nan, -87.5, -1], dtype=dtype)
    out = np.empty_like(numbers)
    write_exp(numbers, out, lanes_of(8))
    assert out[:5].tolist() == [0, 0, 0, 1, 1]
    assert np.isnan(out[5])
    assert 0 <= out[6] < 1e-37
    assert out[7] == pytest.approx(np.exp(-1.0))


def test_larger_and_choose_go_lane_by_lane() -> None:
    one = np.array([1.0, -1.0, 3.0, 0.0], dtype=np.float32)
    other = np.array([2.0, 5.0, -3.0, 7.0], dtype=np.float32)
    out = np.empty_like(one)
    write_larger(one, other, out, lanes_of(4))
    assert out.tolist() == [2.0, 5.0, 3.0, 7.0]
