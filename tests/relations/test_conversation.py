"""Edges among the utterances of a conversation."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.relations import Conversation

PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
LINES = st.lists(
    st.tuples(
        st.sampled_from(["c", "d", None]), st.integers(0, 4), st.sampled_from(["ann", "bob", "c:a", None])
    ),
    min_size=1,
    max_size=8,
)
LINKS = st.sampled_from(["same_speaker", "reply", "window"])


def rows(lines, start=0):
    return [
        {"id": f"u{start + n}", "conversation": c, "turn": t, "speaker": s}
        for n, (c, t, s) in enumerate(lines)
    ]


def pairs(graph, name="r"):
    return set(map(tuple, graph.edge_index["thing", name, "thing"].T.tolist()))


def brute_force(lines, link, window):
    found = set()
    for target, (conversation, turn, speaker) in enumerate(lines):
        before = [
            (-t, n)
            for n, (c, t, s) in enumerate(lines)
            if c == conversation is not None
            and t < turn
            and (link != "same_speaker" or s == speaker is not None)
        ]
        last = sorted(before)[: 1 if link == "reply" else window]
        found |= {(n, target) for _, n in last}
    return found


@PROPERTY
@given(lines=LINES, link=LINKS, window=st.integers(1, 3), both=st.booleans())
def test_it_equals_looking_at_every_pair(make_dataset, lines, link, window, both):
    direction = "both" if both else "past"
    builder = Conversation("thing", link, window=window, direction=direction, allow_empty=True)
    graph = build_graph(make_dataset(rows(lines)), relations=[("r", builder)])
    wanted = brute_force(lines, link, window)
    assert pairs(graph) == (wanted | {(t, s) for s, t in wanted} if both else wanted)
    assert [t.name for t in graph.schema.edge_types] == ["r"]


@settings(PROPERTY, max_examples=12)
@given(
    known=LINES, new=LINES, link=LINKS, window=st.integers(1, 3), direction=st.sampled_from(["past", "both"])
)
def test_new_ones_hear_what_they_would_in_a_graph_with_them(
    check_joining, known, new, link, window, direction
):
    builder = Conversation("thing", link, window=window, direction=direction, allow_empty=True)
    check_joining(builder, rows(known), rows(new, 100))


REPLIES = [{"id": "a", "to": None}, {"id": "b", "to": "a"}, {"id": "c", "to": "a"}, {"id": "d", "to": "c"}]


def test_who_answers_whom_can_be_said(make_dataset, check_joining):
    builder = Conversation("thing", "reply", reply_to="to")
    graph = build_graph(make_dataset(REPLIES), relations=[("r", builder)])
    assert pairs(graph) == {(0, 1), (0, 2), (2, 3)}
    check_joining(builder, REPLIES, [{"id": "e", "to": "d"}, {"id": "f", "to": None}])


def test_new_utterances_may_answer_each_other_but_do_not_hear(make_dataset):
    graph = build_graph(
        make_dataset(REPLIES), relations=[("r", Conversation("thing", "reply", reply_to="to"))]
    )
    new = make_dataset([{"id": "e", "to": "b"}, {"id": "f", "to": "e"}])
    incoming = attach(graph, new).relations["r"].incoming
    assert (incoming.source.tolist(), incoming.target.tolist()) == ([1], [0])


def test_a_new_answer_to_an_utterance_that_nobody_knows_is_counted(make_dataset):
    graph = build_graph(
        make_dataset(REPLIES), relations=[("r", Conversation("thing", "reply", reply_to="to"))]
    )
    found = attach(graph, make_dataset([{"id": "e", "to": "nobody"}, {"id": "f", "to": "a"}])).relations["r"]
    assert found.unknown["thing"].tolist() == [1, 0]
    assert (found.incoming.source.tolist(), found.incoming.target.tolist()) == ([0], [1])


def test_an_answer_to_nobody(make_dataset):
    dataset = make_dataset([*REPLIES, {"id": "e", "to": "x"}, {"id": "f", "to": "y"}])
    with pytest.raises(
        GraphError, match=r"row 5 \(id 'e'\): got 'x'; wanted an id of the type 'thing' \(also in row 6\)"
    ):
        build_graph(dataset, relations=[Conversation("thing", "reply", reply_to="to")])
    skipping = Conversation("thing", "reply", reply_to="to", unknown="skip")
    graph = build_graph(dataset, relations=[("r", skipping)])
    assert graph.manifest["relations"]["r"]["counts"]["unknown_skipped"] == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"link": "window", "reply_to": "to"}, "reply_to: got 'to', but link is window"),
        ({"link": "window", "turn": "trun"}, "turn: got 'trun'; .* Did you mean 'turn'"),
        ({"link": "window", "turn": "speaker"}, "got 'ann'; wanted a number or a date"),
        ({"link": "same_speaker", "speaker": "id"}, "no edge: no two utterances of the same 'id'"),
    ],
)
def test_faults(make_dataset, parameters, message):
    things = [row | {"to": None} for row in rows([("c", 1, "ann"), ("c", 2, "bob"), ("c", 3, "ann")])]
    with pytest.raises(GraphError, match=message):
        build_graph(make_dataset(things), relations=[Conversation("thing", **parameters)])


def test_the_speaker_may_be_what_is_predicted_where_nobody_reads_it(make_dataset):
    things = rows([("c", n, "ab"[n % 2]) for n in range(8)])
    dataset = make_dataset(things, target="speaker")
    assert len(pairs(build_graph(dataset, relations=[("r", Conversation("thing", "window"))]))) == 28
    with pytest.raises(GraphError, match="speaker: got 'speaker', which the task 'answer' predicts"):
        build_graph(dataset, relations=[Conversation("thing", "same_speaker")])
