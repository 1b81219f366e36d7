"""A disk that is full ends a training with one error, and loses nothing that was there."""

from __future__ import annotations

import errno
import importlib

import pytest
from safetensors import SafetensorError

from mmgraph.errors import RunError
from mmgraph.training.disk import disk_told
from mmgraph.training.unfinished import UnfinishedRun

FULL = OSError(errno.ENOSPC, "No space left on device")
RUST = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("error", [FULL, RUST])
def test_the_run_folder(start, tmp_path, monkeypatch, error):
    def full(*_, **__):
        raise error

    whole = start(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("mmgraph.training.run_folder"), "save_file", full)
        with pytest.raises(
            RunError, match=r"run: there is no room on the disk \(.*No sp.*--resume goes on from"
        ):
            start(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert start(tmp_path / "run", resume=True).metrics() == whole.metrics()


def test_before_the_first_checkpoint(start, tmp_path, monkeypatch):
    def full(*_):
        raise FULL

    monkeypatch.setattr(UnfinishedRun, "begin", full)
    with pytest.raises(RunError, match=r"there is no room .*\. Make room on it, or choose another --out\.$"):
        start(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no"), SafetensorError("header too large")])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)), disk_told(tmp_path):
        raise error
