"""``mmgraph train --resume``: one command that a script can give until it is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., Any]


def test_the_same_command_may_be_given_until_it_is_done(call: Call, graph: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("train", graph, "--task", "script", "--model", "mlp", "--out", str(out), "--resume", "--json")
    first = call(*command)
    assert first.code == 0, first.err
    assert "nothing to resume: the training starts anew" in first.err
    written = (out / "model.safetensors").stat().st_mtime_ns
    again = call(*command)
    assert (again.code, again.out) == (0, first.out)
    assert again.err == f"{out} is complete already\n"
    assert (out / "model.safetensors").stat().st_mtime_ns == written
    other = call(*command, "--seed", "1")
    assert other.code == 2
    assert "is complete, and another one: seed is 0 there and 1 here" in other.err
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
