"""States in a file come back as they were written, and a disk without room is named."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from mmgraph.errors import RunError
from mmgraph.training.state_file import StateFile


def test_rows_come_back_as_they_were_written():
    wanted = torch.randn(50, 3)
    states = StateFile(50, 3)
    order = torch.randperm(50)
    for part in (order[:20], order[20:40], order[40:]):
        rows = part.sort().values
        states.put(rows, wanted[rows])
    some = torch.randint(50, (200,))
    assert torch.equal(states.take(some), wanted[some])
    assert torch.equal(states.mapped(), wanted)
    assert states.take(some[:0]).shape == (0, 3)


def test_what_is_mapped_outlives_the_states():
    states = StateFile(2, 2)
    states.put(torch.arange(2), torch.ones(2, 2))
    mapped = states.mapped()
    del states
    assert mapped.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_no_nodes_take_no_room():
    states = StateFile(0, 4)
    states.put(torch.arange(0), torch.empty(0, 4))
    assert states.mapped().shape == (0, 4)


def open_files():
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_files_are_closed():
    before = open_files()
    for _ in range(50):
        StateFile(1, 1)
    assert open_files() < before + 10


def test_a_disk_without_room_is_named(monkeypatch, tmp_path):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(
        RunError, match=r"no room for the states of 1,000 nodes, 0.0 MB: No space left"
    ) as caught:
        StateFile(1000, 8)
    assert caught.value.faults[0].where == str(tmp_path)
