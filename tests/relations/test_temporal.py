"""Edges from what came before to what came after."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import DataError, GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import Temporal

TRIPLE = ("thing", "after_when", "thing")
PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROWS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 6)), st.sampled_from(["x", "y", None])),
    min_size=1,
    max_size=8,
)


def rows(values, start=0):
    return [{"id": f"t{start + n}", "when": t, "place": g} for n, (t, g) in enumerate(values)]


def graph_of(make_dataset, times, **parameters):
    dataset = make_dataset([{"id": str(n), "when": time} for n, time in enumerate(times)])
    return build_graph(dataset, relations=[Temporal("thing", "when", **parameters)])


@PROPERTY
@given(
    values=ROWS,
    k=st.integers(1, 3),
    window=st.one_of(st.none(), st.integers(1, 4)),
    direction=st.sampled_from(["past", "both"]),
)
def test_it_equals_looking_at_every_pair(make_dataset, values, k, window, direction):
    builder = Temporal(
        "thing",
        "when",
        k=k,
        window=window,
        within="place",
        half_life=2,
        direction=direction,
        allow_empty=True,
    )
    graph = build_graph(make_dataset(rows(values)), relations=[builder])
    wanted = {}
    for t, (now, group) in enumerate(values):
        before = sorted(
            (now - time, s)
            for s, (time, other) in enumerate(values)
            if None not in (now, time, group) and group == other and time < now
        )
        for age, s in before[:k]:
            if window is None or age <= window:
                wanted[s, t] = (0.5 ** (age / 2), now)
                if direction == "both":
                    wanted[t, s] = wanted[s, t]
    edges = graph.edges[TRIPLE]
    carried = zip(edges.weight.tolist(), edges.time.tolist(), strict=True)
    found = dict(zip(map(tuple, edges.index.T.tolist()), carried, strict=True))
    assert {pair: (pytest.approx(weight), time) for pair, (weight, time) in wanted.items()} == found


@settings(PROPERTY, max_examples=12)
@given(
    known=ROWS,
    new=ROWS,
    k=st.integers(1, 3),
    window=st.one_of(st.none(), st.integers(1, 4)),
    direction=st.sampled_from(["past", "both"]),
)
def test_new_ones_hear_what_they_would_in_a_graph_with_them(check_joining, known, new, k, window, direction):
    builder = Temporal(
        "thing",
        "when",
        k=k,
        window=window,
        within="place",
        half_life="3",
        direction=direction,
        allow_empty=True,
    )
    check_joining(builder, rows(known), rows(new, 100))


def test_nothing_runs_backwards_unless_asked(make_dataset):
    graph = graph_of(make_dataset, [3, 1, 2], k=1)
    assert graph.edge_index[TRIPLE].tolist() == [[2, 1], [0, 2]]
    assert [t.name for t in graph.schema.edge_types] == ["after_when"]
    assert graph.schema.edge_type(TRIPLE).one_way
    both = graph_of(make_dataset, [3, 1, 2], k=1, direction="both")
    assert both.schema.edge_type(TRIPLE).symmetric
    assert both.edge_index[TRIPLE].tolist() == [[2, 2, 0, 1], [0, 1, 2, 2]]


def test_dates_give_seconds_and_windows_take_units(make_dataset):
    times = ["2024-01-01", "2024-01-03T12:00:00", "2024-01-09", None]
    graph = graph_of(make_dataset, times, window="6d", half_life="2.5d")
    assert graph.edge_index[TRIPLE].tolist() == [[0, 1], [1, 2]]
    assert graph.edge_weight[TRIPLE].tolist() == pytest.approx([0.5, 0.5 ** (5.5 / 2.5)])
    assert graph.edge_time[TRIPLE][0] == np.datetime64("2024-01-03T12:00:00").astype(np.int64)
    described = graph.manifest["relations"]["after_when"]
    assert described["counts"]["without_time_or_group"] == 1
    assert "1 of 4 entities has no time" in described["warnings"][0]


def test_the_cap_on_a_window_is_counted(make_dataset):
    graph = graph_of(make_dataset, [1, 2, 3, 4], k=1, window=10)
    assert graph.edge_index[TRIPLE].tolist() == [[0, 1, 2], [1, 2, 3]]
    assert graph.manifest["relations"]["after_when"]["counts"]["with_more_than_k_in_window"] == 2


def test_fractions_of_numbers_are_no_times_of_edges(make_dataset):
    graph = graph_of(make_dataset, [0.5, 1.0], k=1)
    assert not graph.schema.edge_type(TRIPLE).timed


def test_what_is_very_old_still_has_a_weight(make_dataset):
    graph = graph_of(make_dataset, [0, 10**6], k=1, half_life=1)
    assert 0 < graph.edge_weight[TRIPLE][0] < 1e-30


def test_scope_training_hears_the_last_training_ones(make_dataset):
    things = [{"id": str(n), "when": n, "kind": n % 2} for n in range(12)]
    dataset = make_dataset(things, target="kind")
    graph = build_graph(dataset, relations=[Temporal("thing", "when", k=2, scope="training")])
    training = np.flatnonzero(graph.nodes["thing"]["training"])
    wanted = {(s, t) for t in range(12) for s in training[training < t][-2:]}
    assert set(map(tuple, graph.edge_index[TRIPLE].T.tolist())) == wanted


def test_it_scales_with_the_edges(make_dataset):
    # All pairs would be 16 GB.
    from mmgraph.relations.timeline import Timeline, earlier

    many = Timeline(np.arange(40_000.0), np.full(40_000, "a"))
    source, _, _ = earlier(many, many, k=3)
    assert len(source) == 3 * 40_000 - 6


@pytest.mark.parametrize(
    ("times", "parameters", "message"),
    [
        (
            ["2024-01-01", "soon"],
            {"k": 1},
            r"column 'when', row 2 \(id '1'\): got 'soon'; wanted a number or",
        ),
        ([3, "2024-01-01x"], {"k": 1}, "wanted a number or a date"),
        ([1, 2], {}, "k: is missing, and so is window"),
        ([1, 2], {"window": "7d"}, "window: got '7d', but the times are numbers, not dates"),
        ([1, 2], {"k": 1, "half_life": "7d"}, "half_life: got '7d', but the times are numbers"),
        ([1, 1], {"k": 1}, "no edge: no two entities are at different times of 'when'"),
        ([None, None], {"k": 1}, "the relation has no edge"),
        ([1, 2], {"k": 1, "within": "plce"}, "within: got 'plce'; .* has no such column"),
    ],
)
def test_faults(make_dataset, times, parameters, message):
    with pytest.raises(GraphError, match=message):
        graph_of(make_dataset, times, **parameters)


def test_new_times_are_like_the_known_ones(check_joining):
    known, new = rows([(1, "x"), (2, "x")]), [{"id": "n", "when": "2024-01-01", "place": "x"}]
    with pytest.raises((GraphError, DataError), match="got dates in 'when'; wanted numbers, as in the graph"):
        check_joining(Temporal("thing", "when", k=1), known, new)


def test_a_target_is_refused(make_dataset):
    dataset = make_dataset([{"id": str(n), "when": n, "kind": n % 2} for n in range(8)], target="kind")
    for parameters in ({"column": "kind"}, {"column": "when", "within": "kind"}):
        with pytest.raises(GraphError, match="got 'kind', which the task 'answer' predicts"):
            build_graph(dataset, relations=[Temporal("thing", k=1, **parameters)])
