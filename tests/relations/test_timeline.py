"""Who came before whom, against looking at every pair."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.relations.timeline import Timeline, earlier, later

POINTS = st.lists(
    st.tuples(st.one_of(st.integers(0, 5).map(float), st.just(np.nan)), st.sampled_from(["a", "b", ""])),
    max_size=9,
)
K = st.one_of(st.none(), st.integers(1, 4))
WINDOW = st.one_of(st.none(), st.sampled_from([0.5, 1.0, 2.0, 9.0]))


def line(points):
    return Timeline(np.array([t for t, _ in points], float), np.array([g for _, g in points], dtype="U1"))


def before(known, point, k, window):
    """Return the positions of the points before one, nearest first."""
    time, group = point
    found = [
        (-t, n)
        for n, (t, g) in enumerate(known)
        if g == group != "" and t < time and (window is None or t >= time - window)
    ]
    return [n for _, n in sorted(found)][:k]


@given(POINTS, POINTS, K, WINDOW)
def test_earlier_ones_are_those_of_every_pair(known, asked, k, window):
    source, target, beyond = earlier(line(known), line(asked), k=k, window=window)
    wanted = {(s, t) for t, point in enumerate(asked) for s in before(known, point, k, window)}
    assert set(zip(source.tolist(), target.tolist(), strict=True)) == wanted
    assert len(source) == len(wanted)
    assert beyond == sum(len(before(known, p, None, window)) > (k or 99) for p in asked)


@given(POINTS, POINTS, K, WINDOW)
def test_later_ones_would_have_the_new_one_among_their_earlier_ones(known, asked, k, window):
    source, target = later(line(known), line(asked), k=k, window=window)
    wanted = {
        (s, t)
        for t, point in enumerate(asked)
        for s, other in enumerate(known)
        if len(known) in before([*known, point], other, k, window)
    }
    assert set(zip(source.tolist(), target.tolist(), strict=True)) == wanted
    assert len(source) == len(wanted)


def test_who_is_left_out_keeps_its_position():
    line = Timeline(np.array([1.0, 2.0, 3.0]), np.array(["a", "a", "a"]))
    senders = line.take(np.array([True, False, True]))
    source, target, _ = earlier(senders, line, k=1)
    assert sorted(zip(source.tolist(), target.tolist(), strict=True)) == [(0, 1), (0, 2)]
