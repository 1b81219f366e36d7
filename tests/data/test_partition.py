"""Division into parts: fractions, strata, groups and times hold for any input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.data.partition import divide, divide_groups, divide_times, lots, quotas

names = st.lists(st.text(max_size=6), min_size=3, max_size=80, unique=True)
shares = st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)).map(
    lambda parts: [part / sum(parts) for part in parts]
)


def objects(values: list[str]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_lots_are_the_same_on_every_machine() -> None:
    assert lots(objects(["a", "b", "ü"]), 0).tolist() == [
        8686667830749042217,
        4583237633414383541,
        12191698126801192093,
    ]


def test_lots_depend_on_the_seed() -> None:
    assert not np.any(lots(objects(["a", "b"]), 0) == lots(objects(["a", "b"]), 1))


@given(st.integers(0, 10_000), shares)
def test_quotas_are_whole_and_near(count: int, parts: list[float]) -> None:
    found = quotas(count, parts)
    assert found.sum() == count
    assert np.all(np.abs(found - count * np.array(parts)) < 1)


def test_quotas_do_not_lose_to_rounding() -> None:
    assert quotas(100, [0.7, 0.15, 0.15]).tolist() == [70, 15, 15]
    assert quotas(20, [0.6, 0.2, 0.2]).tolist() == [12, 4, 4]


@given(names, shares, st.integers(0, 5), st.integers(0, 3), st.randoms())
def test_divide(ids: list[str], parts: list[float], kinds: int, seed: int, random: object) -> None:
    strata = {name: len(name) % (kinds + 1) for name in ids}
    codes = {code: place for place, code in enumerate(sorted(set(strata.values())))}

    def divided(order: list[str]) -> dict[str, int]:
        stratum = np.array([codes[strata[name]] for name in order])
        return dict(zip(order, divide(stratum, lots(objects(order), seed), parts).tolist(), strict=True))

    found = divided(ids)
    counts = np.bincount(list(found.values()), minlength=3)
    assert counts.tolist() == quotas(len(ids), parts).tolist()
    for code in codes:
        members = [found[name] for name in ids if strata[name] == code]
        exact = len(members) * np.array(parts)
        assert np.all(np.abs(np.bincount(members, minlength=3) - exact) <= 2)
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert divided(shuffled) == found


def test_what_a_stratum_owes_goes_to_different_parts() -> None:
    strata = np.repeat(np.arange(100), 3)
    parts = divide(strata, lots(objects([str(i) for i in range(300)]), 0), [0.5, 0.25, 0.25])
    held_out = np.array([np.bincount(parts[strata == code], minlength=3)[1:] for code in range(100)])
    assert held_out.max() == 1


def test_divide_is_random_within_strata() -> None:
    """With other seeds, each thing gets into each part about as often as the fractions say."""
    ids = objects([f"n{i}" for i in range(50)])
    strata = np.arange(50) % 3
    parts = np.array([divide(strata, lots(ids, seed), [0.6, 0.1, 0.3]) for seed in range(400)])
    share_of_train = np.mean(parts == 0, axis=0)
    assert np.all(np.abs(share_of_train - 0.6) < 0.12)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=3, max_size=100),
    shares,
    st.integers(0, 3),
    st.randoms(),
)
def test_divide_groups(things: list[tuple[int, int]], parts: list[float], seed: int, random: object) -> None:
    def divided(order: list[tuple[int, int]], *, by_class: bool) -> dict[int, int]:
        names, groups = np.unique([group for group, _ in order], return_inverse=True)
        classes = np.unique([kind for _, kind in order], return_inverse=True)[1]
        lot = lots(objects([str(name) for name in names]), seed)
        used = classes if by_class else np.zeros(len(order), dtype=np.int64)
        return dict(zip(names.tolist(), divide_groups(groups, used, lot, parts).tolist(), strict=True))

    found = divided(things, by_class=False)
    sizes = np.bincount([group for group, _ in things])
    counts = np.bincount([found[group] for group, _ in things], minlength=3)
    excess = counts - len(things) * np.array(parts)
    assert np.all(excess <= sizes.max() + 1e-6)
    assert np.all(excess >= -2 * sizes.max() - 1e-6)
    shuffled = list(things)
    random.shuffle(shuffled)
    assert divided(shuffled, by_class=False) == found
    assert divided(shuffled, by_class=True) == divided(things, by_class=True)


def test_groups_of_one_make_up_are_dealt_by_the_fractions() -> None:
    """Large groups get into each part as often as small ones, or a part would hold large groups alone."""
    groups = np.repeat(np.arange(200), [9] * 100 + [1] * 100)
    lot = lots(objects([str(group) for group in range(200)]), 0)
    parts = divide_groups(groups, np.zeros_like(groups), lot, [0.6, 0.1, 0.3])
    assert np.bincount(parts[:100]).tolist() == [60, 10, 30]
    assert np.bincount(parts[100:]).tolist() == [60, 10, 30]


def test_groups_keep_the_shares_of_classes() -> None:
    random = np.random.default_rng(0)
    groups = np.unique(random.integers(0, 300, 3000), return_inverse=True)[1]
    classes = (groups % 10 == 0).astype(np.int64)
    lot = lots(objects([str(group) for group in range(groups.max() + 1)]), 0)
    parts = divide_groups(groups, classes, lot, [0.6, 0.1, 0.3])[groups]
    for kind in (0, 1):
        share = np.bincount(parts[classes == kind]) / np.sum(classes == kind)
        np.testing.assert_allclose(share, [0.6, 0.1, 0.3], atol=0.05)


def test_unlike_groups_keep_the_shares_of_classes() -> None:
    """Every group has a make-up of its own, so that each is placed for itself."""
    random = np.random.default_rng(1)
    sizes = np.stack([np.arange(1, 61), random.permutation(60) + 1], axis=1)
    groups = np.repeat(np.arange(60).repeat(2), sizes.ravel())
    classes = np.repeat(np.tile([0, 1], 60), sizes.ravel())
    parts = divide_groups(groups, classes, lots(objects([str(i) for i in range(60)]), 0), [0.6, 0.1, 0.3])
    for kind in (0, 1):
        share = np.bincount(parts[groups][classes == kind]) / np.sum(classes == kind)
        np.testing.assert_allclose(share, [0.6, 0.1, 0.3], atol=0.01)


def test_large_group_goes_where_it_fits_best() -> None:
    groups = np.repeat(np.arange(41), [60, *[1] * 40])
    lot = lots(objects([str(group) for group in range(41)]), 0)
    parts = divide_groups(groups, np.zeros_like(groups), lot, [0.6, 0.2, 0.2])[groups]
    assert np.bincount(parts).tolist() == [60, 20, 20]
    assert set(parts[:60]) == {0}


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), shares)
def test_divide_times(times: list[int], parts: list[float]) -> None:
    found = divide_times(np.array(times, dtype=float), parts)
    if len(set(times)) < 3:
        assert found is None
        return
    assert found is not None
    assert set(found.tolist()) == {0, 1, 2}
    values = np.array(times)
    assert values[found == 0].max() < values[found == 1].min()
    assert values[found == 1].max() < values[found == 2].min()


def test_divide_times_comes_near_the_fractions() -> None:
    found = divide_times(np.random.default_rng(0).permutation(100).astype(float), [0.6, 0.1, 0.3])
    assert found is not None
    assert np.bincount(found).tolist() == [60, 10, 30]


@pytest.mark.parametrize("position", [0, 5])
def test_equal_times_stay_together(position: int) -> None:
    times = np.array([1, 1, 1, 1, 2, 2, 2, 2, 3, 4], dtype=float)
    found = divide_times(np.roll(times, position), [0.5, 0.3, 0.2])
    assert found is not None
    assert np.roll(found, -position).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
