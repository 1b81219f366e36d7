"""The project's own files, which the tests of packaging read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT
