"""Lightning without its noise."""

from __future__ import annotations

import logging
import signal
import sys

import pytest

from mmgraph.training.lightning_quiet import quiet_lightning


def test_the_logger_says_warnings_only_and_gets_its_level_back():
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    with quiet_lightning():
        assert logger.getEffectiveLevel() == logging.WARNING
    assert logger.level == before


def interrupted_as_lightning_does():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(1)


def test_an_interrupt_stays_an_interrupt_and_the_signal_keeps_its_meaning():
    found = signal.getsignal(signal.SIGINT)
    # A shell starts what runs in its background without Python's own handler.
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)
    with pytest.raises(KeyboardInterrupt), quiet_lightning():
        interrupted_as_lightning_does()
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, found)


def test_another_exit_stays_an_exit():
    with pytest.raises(SystemExit), quiet_lightning():
        sys.exit(3)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="has no such signal")
def test_a_job_of_slurms_leaves_its_signal_to_others(start, tmp_path, monkeypatch):
    for name, value in {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    before, handlers = signal.getsignal(signal.SIGUSR1), []
    start(tmp_path / "run", at=2, act=lambda: handlers.append(signal.getsignal(signal.SIGUSR1)))
    assert handlers == [before]
