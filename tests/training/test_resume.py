"""A training that was stopped goes on to the same bytes, whatever it was doing; what cannot go on says so."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmgraph.errors import Fault, RunError
from mmgraph.progress import Progress
from mmgraph.training.checkpoint_file import CheckpointFile
from mmgraph.training.checkpointer import Checkpointer
from mmgraph.training.module import TaskModule
from mmgraph.training.time_limit import TimeLimit
from tests.training.conftest import Killed, kill, stopped

FILES = (
    "run.json",
    "config.yaml",
    "model.safetensors",
    "last.safetensors",
    "metrics.json",
    "history.csv",
    "predictions.parquet",
)

KINDS = {
    "full batch": (),
    "sampled": ("batch_size=16", "fanout=[3,2]"),
    "sampled without threads": ("batch_size=16", "fanout=[3,2]", "batch_threads=0"),
    "cosine": ("optimiser.schedule=cosine",),
    "sgd": ("optimiser.name=sgd",),
    "dropout": ("model.dropout=0.5", "model.input_dropout=0.5"),
    "modality dropout": ("model.modality_dropout=0.3", "batch_size=16", "fanout=[3,2]"),
    "average of the weights": ("ema=0.9",),
    "plateau": ("optimiser.schedule=plateau", "optimiser.plateau_patience=1", "optimiser.lr=0.1"),
    "several batches a step": ("batch_size=16", "fanout=[3,2]", "accumulate=3", "optimiser.warmup=2"),
    "past the best epoch": ("optimiser.lr=0.1", "patience=3", "max_epochs=40"),
}


def content(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("overrides", KINDS.values(), ids=KINDS.keys())
def test_a_training_that_is_stopped_twice_ends_with_the_same_bytes(start, tmp_path, overrides):
    start(tmp_path / "whole", overrides=overrides)
    steps = (
        4 * 6
        if "batch_size=16" in overrides
        else len((tmp_path / "whole/history.csv").read_text().splitlines()) - 1
    )
    for at in (steps - 3, 2):
        with pytest.raises(Killed):
            start(tmp_path / "run", at=at, act=kill, overrides=overrides, resume=at == 2)
    assert (tmp_path / "run.unfinished" / "checkpoint.before.pt").is_file()
    start(tmp_path / "run", overrides=overrides, resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "whole"]


def test_batches_go_on_where_a_schedule_asks_for_the_number_of_steps(start, tmp_path, monkeypatch):
    configure = TaskModule.configure_optimizers

    def asking(module):
        assert module.trainer.estimated_stepping_batches == 24
        return configure(module)

    monkeypatch.setattr(TaskModule, "configure_optimizers", asking)
    start(tmp_path / "whole", overrides=KINDS["sampled"])
    stopped(start, tmp_path, overrides=KINDS["sampled"])
    start(tmp_path / "run", overrides=KINDS["sampled"], resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_every_random_state_goes_on(start, tmp_path):
    drawn = {}

    def draw(name):
        drawn[name] = (random.random(), np.random.rand(), torch.rand(1).item())

    start(tmp_path / "whole", at=5, act=lambda: draw("whole"))
    stopped(start, tmp_path)
    # The fourth step is the first one now.
    start(tmp_path / "run", at=2, act=lambda: draw("resumed"), resume=True)
    assert drawn["resumed"] == drawn["whole"]


def test_no_checkpoint_is_written_while_gradients_are_added_up(tmp_path):
    written = []
    checkpointer = Checkpointer(tmp_path / "checkpoint.pt", 0.0, SimpleNamespace(best=None), TimeLimit(1))
    for batch in range(4):
        trainer = SimpleNamespace(accumulate_grad_batches=2, save_checkpoint=written.append, global_step=0)
        checkpointer.on_train_batch_start(trainer, None, None, batch)
        assert len(written) == batch // 2 + 1


def test_checkpoints_are_not_written_more_often_than_asked_for(start, tmp_path, monkeypatch):
    monkeypatch.setattr(CheckpointFile, "save_checkpoint", lambda *_, **__: pytest.fail("it wrote one"))
    start(tmp_path / "run", overrides=["checkpoint_seconds=1000"])


def test_a_kill_between_the_two_renames_leaves_the_earlier_checkpoint(start, tmp_path):
    start(tmp_path / "whole")
    folder = stopped(start, tmp_path)
    (folder / "checkpoint.pt").rename(folder / ".checkpoint.pt.half")
    start(tmp_path / "run", resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(start, tmp_path, damage, capsys):
    start(tmp_path / "whole")
    folder = stopped(start, tmp_path)
    _damage(folder / "checkpoint.pt", damage)
    start(tmp_path / "run", resume=True, progress=Progress())
    said = capsys.readouterr().err
    assert "checkpoint.pt is damaged, so the one before it is used" in said
    assert f"resume from {folder / 'checkpoint.before.pt'}" in said
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def _damage(file, how):
    whole = file.read_bytes()
    if how == "cut off":
        file.write_bytes(whole[: len(whole) // 2])
    else:
        # Not between two parts of the file, where nothing is read.
        with zipfile.ZipFile(file) as parts:
            largest = max(parts.infolist(), key=lambda part: part.file_size)
            name = largest.filename.encode()
        middle = whole.index(name, largest.header_offset) + len(name) + largest.file_size // 2
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])


def test_two_damaged_checkpoints_are_an_error(start, tmp_path):
    folder = stopped(start, tmp_path)
    for file in folder.glob("*.pt"):
        _damage(file, "cut off")
    with pytest.raises(RunError, match=r"the checkpoint is damaged, and there is no other.*--overwrite"):
        start(tmp_path / "run", resume=True)


def test_nothing_in_a_checkpoint_is_pickled_code(start, tmp_path):
    folder = stopped(start, tmp_path)
    assert sorted(file.name for file in folder.iterdir()) == [
        "checkpoint.before.pt",
        "checkpoint.pt",
        "lock",
        "training.json",
    ]
    for file in folder.glob("*.pt"):
        state = torch.load(file, weights_only=True)
        assert set(state["callbacks"]) >= {"Recorder", "EarlyStopping", "Checkpointer"}
    with zipfile.ZipFile(folder / "checkpoint.pt") as archive:
        (pickled,) = (archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    assert b"mmgraph" not in pickled


def test_what_does_not_alter_the_numbers_may_be_another(start, tmp_path):
    start(tmp_path / "whole", overrides=KINDS["sampled"])
    stopped(start, tmp_path, overrides=KINDS["sampled"])
    others = ["batch_threads=1", "checkpoint_seconds=5"]
    start(tmp_path / "run", resume=True, overrides=[*KINDS["sampled"], *others])
    assert (tmp_path / "run/model.safetensors").read_bytes() == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()


def test_what_memory_decided_stays_decided(start, tmp_path, monkeypatch):
    monkeypatch.setattr("mmgraph.training.batching.free_memory", lambda: 0)
    options = {"overrides": ["fanout=null", "max_epochs=3"]}
    stopped_at_two = {"at": 2, "act": kill}
    with pytest.raises(Killed):
        start(tmp_path / "run", **stopped_at_two, **options)
    monkeypatch.undo()
    run = start(tmp_path / "run", resume=True, **options)
    assert run.config.batch_size == 1024
    assert start(tmp_path / "run", resume=True, **options).config.batch_size == 1024


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_writes_a_last_checkpoint(start, tmp_path, number, error, capsys):
    start(tmp_path / "whole", overrides=["checkpoint_seconds=1000"])
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(error) as caught:
        start(
            tmp_path / "run",
            at=3,
            act=lambda: signal.raise_signal(number),
            overrides=["checkpoint_seconds=1000"],
            progress=Progress(),
        )
    if error is SystemExit:
        assert caught.value.code == 143
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert f"the state is in {tmp_path / 'run.unfinished'}: give the same command with --resume" in (
        capsys.readouterr().err
    )
    start(tmp_path / "run", resume=True, overrides=["checkpoint_seconds=1000"])
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_a_second_interrupt_does_not_wait(start, tmp_path):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", at=3, act=twice)


def test_a_signal_in_the_last_step_stops_as_well(start, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", at=6, act=lambda: signal.raise_signal(signal.SIGINT))
    assert start(tmp_path / "run", resume=True).folder == tmp_path / "run"


def test_a_disk_that_is_full_is_told(start, tmp_path, monkeypatch):
    stopped(start, tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmgraph.training.checkpoint_file.torch.save", full)
    with pytest.raises(RunError, match=r"cannot be written: .*No space left.*--resume"):
        start(tmp_path / "run", resume=True)
    monkeypatch.undo()
    assert sorted(file.name for file in (tmp_path / "run.unfinished").iterdir())[:2] == [
        "checkpoint.before.pt",
        "checkpoint.pt",
    ]


def test_all_faults_are_told_beside_how_to_go_on(start, tmp_path):
    def fail():
        raise RunError.of([Fault("a", "one thing", "Mend it."), Fault("b", "another")])

    with pytest.raises(RunError) as caught:
        start(tmp_path / "run", at=4, act=fail)
    kept = f"The state of before is in {tmp_path / 'run.unfinished'}: --resume goes on from it."
    assert [str(fault) for fault in caught.value.faults] == ["a: one thing. Mend it.", f"b: another. {kept}"]


def test_thirty_kills_at_random_moments_change_no_byte(tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "kill.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--check", "--json", str(tmp_path / "kills.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads((tmp_path / "kills.json").read_text())["cases"]
    assert [(case["kills"], sum(case["met"].values()), case["faults"]) for case in cases] == [
        (15, 15, [])
    ] * 2
