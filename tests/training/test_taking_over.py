"""Those who take over from lost workers find what is of their training, and nothing else."""

from __future__ import annotations

import contextlib
import importlib
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from mmgraph.errors import RunError
from mmgraph.progress import Progress
from mmgraph.ray_cluster import Workers
from mmgraph.training import train

MODULE = importlib.import_module("mmgraph.training.new_processes")
ORDER = importlib.import_module("mmgraph.training.order")


@pytest.fixture
def take_over(graph, quick, tmp_path, monkeypatch):
    """Return a function that trains as the second group of workers does, in this process.

    It takes what happens while the first group is at work, which is lost.
    """
    graph.save(tmp_path / "graph")

    def take_over(first_group=lambda: None, **options):
        def launch(ray, work, arguments, workers, *, shared, progress):
            first_group()
            work(**arguments, again=True, progress=progress)

        monkeypatch.setattr(MODULE, "ray_cluster", lambda: contextlib.nullcontext(None))
        monkeypatch.setattr(MODULE, "room_for", lambda *_, **__: Workers(1, cpus=1, gpus=0))
        monkeypatch.setattr(MODULE, "launch_on_ray", launch)
        return one(engine="ray", **options)

    def one(**options):
        overrides = [*quick, "max_epochs=2", "report_to=none"]
        return train(tmp_path / "graph", task="colour", overrides=overrides, out=tmp_path / "run", **options)

    one()
    return take_over


def test_the_run_that_is_to_be_replaced_is_not_taken_for_the_new_one(take_over, tmp_path, capsys):
    written = (tmp_path / "run" / "run.json").stat().st_mtime_ns
    take_over(overwrite=True, progress=Progress())
    assert (tmp_path / "run" / "run.json").stat().st_mtime_ns > written
    assert "is complete already" not in capsys.readouterr().err


@pytest.fixture
def lock(tmp_path):
    """Return the lock of the training, which a machine takes that is lost."""
    return FileLock(tmp_path / "run.unfinished" / "lock", thread_local=False)


def take(lock: FileLock) -> None:
    Path(lock.lock_file).parent.mkdir()
    lock.acquire(timeout=0)


def test_the_lock_of_a_machine_that_is_lost_is_waited_for(take_over, tmp_path, lock):
    written = (tmp_path / "run" / "run.json").stat().st_mtime_ns

    def lost_for_a_while() -> None:
        take(lock)
        threading.Timer(0.5, lock.release).start()

    take_over(lost_for_a_while, overwrite=True)
    assert (tmp_path / "run" / "run.json").stat().st_mtime_ns > written


def test_a_lock_that_stays_is_told_with_the_reason(take_over, monkeypatch, lock):
    monkeypatch.setattr(ORDER, "_SECONDS_TO_LET_GO", 0.1)
    with pytest.raises(RunError, match=r"another process is at this training.* NFS keeps its lock until"):
        take_over(lambda: take(lock), overwrite=True)


def test_what_the_first_group_has_written_itself_is_complete(take_over, tmp_path, capsys):
    marker = tmp_path / "run" / "run.json"
    take_over(lambda: marker.write_bytes(marker.read_bytes()), overwrite=True, progress=Progress())
    assert "is complete already" in capsys.readouterr().err
