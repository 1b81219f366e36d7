"""What each of several new processes finds in its environment."""

from __future__ import annotations

import os

import pytest

from mmgraph.training.launch import _environment


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system gives a process all cores")
def test_processes_share_the_cores_that_they_may_use(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert [_environment(0, size, 1)["OMP_NUM_THREADS"] for size in (1, 2, 12)] == ["6", "3", "1"]
