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
