"""Progress that one process tells is what another shows."""

from __future__ import annotations

import re

from mmgraph.progress import Progress
from mmgraph.training.desk import Desk, ShownProgress, ToldProgress


def test_what_is_told_is_shown(capsys):
    desk = Desk()
    told = ToldProgress(desk.tell)
    told.say("train on the CPU")
    with told.job("train", total=3) as advance, told.job("measure") as inner:
        inner(1, "half")
        advance(2, "epoch 1")
        advance(1, "epoch 2")
    shown = ShownProgress(Progress())
    for word in desk.collect():
        shown.show(word)
    assert desk.collect() == []
    lines = re.sub(r"[0-9.]+s", "s", capsys.readouterr().err).splitlines()
    assert lines == ["train on the CPU", "measure: 1  s  half", "train: 3/3  s  epoch 2"]


def test_jobs_of_workers_that_are_lost_end_when_others_take_over(capsys):
    shown = ShownProgress(Progress())
    words = [("begin", 0, "train", 3), ("advance", 0, 1, ""), ("anew",), ("begin", 0, "train", 3), ("end", 0)]
    for word in words:
        shown.show(word)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/3", "0/3"]


def test_quiet_workers_tell_nothing():
    desk = Desk()
    told = ToldProgress(desk.tell, quiet=True)
    told.say("nothing")
    with told.job("train") as advance:
        advance(1)
    assert desk.collect() == []


def test_the_first_failure_counts_and_no_group_begins_after_it():
    desk = Desk()
    first = ValueError("first")
    desk.end(first)
    desk.end(ValueError("second"))
    assert desk.failure() is first
    assert desk.begin() is None
