"""What a worker raises ends the training, unless it says that others are lost: that would not come again."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from mmgraph.errors import ConfigError
from mmgraph.training.desk import Desk
from mmgraph.training.launch_on_ray import _take_part
from mmgraph.training.processes import has_lost_others

ray = pytest.importorskip("ray")


class Actor:
    """Stands for a desk on a cluster."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(remote=getattr(self._desk, name))


@pytest.fixture
def desk_after(monkeypatch, tmp_path):
    """Return a function that returns the desk after the only worker of a group raised something."""
    monkeypatch.setattr(ray, "get", lambda value: value)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(current_actor="worker"))

    def desk_after(error: Exception) -> Desk:
        def work(*, again: bool, progress: object) -> None:
            raise error

        desk = Desk()
        with contextlib.suppress(type(error)):
            _take_part(work, {}, SimpleNamespace(take_over=lambda: None), Actor(desk), [tmp_path], True)
        return desk

    return desk_after


@pytest.fixture
def gloo_error() -> Exception:
    """Return what gloo raises in a process whose only other one is gone."""
    store = dist.HashStore()

    def group(rank: int) -> dist.ProcessGroupGloo:
        return dist.ProcessGroupGloo(store, rank, 2, timedelta(seconds=20))

    with ThreadPoolExecutor(2) as pool:
        groups = list(pool.map(group, range(2)))
    groups.pop()
    with pytest.raises(RuntimeError) as caught:
        groups[0].allreduce([torch.ones(1)]).wait()
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
        torch.OutOfMemoryError("CUDA out of memory"),
        ConfigError("got 3", where="heads", fix="Take 4."),
        TypeError("this layer is broken"),
    ],
)
def test_what_would_come_again_is_told_and_nobody_begins_again(desk_after, error):
    desk = desk_after(error)
    assert str(error) in str(desk.failure())
    assert desk.begin() is None


def test_where_others_are_lost_all_begin_again(desk_after, gloo_error):
    desk = desk_after(gloo_error)
    assert desk.failure() is None
    assert desk.begin() == 1


def test_what_nccl_raises_where_others_are_lost():
    assert has_lost_others(dist.DistBackendError("NCCL communicator was aborted"))
