"""Optuna, which is an extra."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mmgraph.errors import MissingDependencyError


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Make sure that Optuna is there, and keep it from saying what is said elsewhere.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    try:
        from optuna import logging
    except ImportError as error:
        raise MissingDependencyError(
            f"tuning needs Optuna, which cannot be loaded: {error}",
            fix="Install it with `pip install 'mmgraph[tune]'`.",
        ) from None
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
