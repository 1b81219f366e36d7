"""The version stands in pyproject.toml, and everything else agrees with it."""

import importlib.metadata
import re
import tomllib

import pytest

import mmgraph


@pytest.fixture(scope="module")
def version(root) -> str:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]


def test_installed_version(version):
    assert importlib.metadata.version("mmgraph") == version


def test_version_in_python(version):
    assert mmgraph.__version__ == version


def test_changelog_begins_with_it(root, version):
    headings = re.findall(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == version
