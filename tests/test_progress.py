"""Progress goes to standard error, or nowhere."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from mmgraph import progress as module
from mmgraph.progress import Progress


def count(progress: Progress, steps: int = 3) -> None:
    with progress.job("count", total=steps) as advance:
        for step in range(steps):
            advance(note=f"step {step}")


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.say("Draw [glyphs]")
    count(progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first == "Draw [glyphs]"
    assert re.fullmatch(r"count: 3/3  \d+\.\ds  step 2", second)


def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    count(Progress(every=5), steps=9)
    done = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert len(done) > 2
    assert done == sorted(done)
    assert done[-1] == "9/9"


def test_rate_and_time_left_while_there_is_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    count(Progress(every=5), steps=9)
    first, *_, last = capsys.readouterr().err.splitlines()
    done, seconds, rate, left = re.fullmatch(
        r"count: (\d)/9  (\S+)s  (\S+)/s, (\d+)s left  step \d", first
    ).groups()  # type: ignore[union-attr]
    assert float(rate) == pytest.approx(int(done) / float(seconds), abs=0.05)
    assert int(left) == pytest.approx((9 - int(done)) * float(seconds) / int(done), abs=1)
    assert "left" not in last


def test_unknown_total(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().job("read") as advance:
        advance(7)
    assert capsys.readouterr().err.startswith("read: 7  ")


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    progress.say("something")
    count(progress)
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress()
    monkeypatch.setattr(progress, "_console", Console(stderr=True, force_terminal=True, width=100))
    count(progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3/3" in captured.err
