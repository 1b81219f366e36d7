"""constraints.txt pins every package that pyproject.toml asks for, in a way that works on any machine."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture(scope="module")
def pins(root) -> dict[str, Version]:
    lines = (root / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "wanted NAME==VERSION on every line"
    names = [canonicalize_name(name) for name, _ in pairs]
    assert len(set(names)) == len(names), "a package is pinned twice"
    return dict(zip(names, [Version(version) for _, version in pairs], strict=True))


@pytest.fixture(scope="module")
def requirements(root) -> list[Requirement]:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    lines = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
    ]
    return [found for found in map(Requirement, lines) if found.name != "mmgraph"]


def test_every_direct_dependency_is_pinned_within_its_range(pins, requirements):
    assert len(requirements) > 30
    for requirement in requirements:
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} is not in constraints.txt"
        assert requirement.specifier.contains(pin), f"{requirement} against {pin}"


def test_pins_work_everywhere(pins):
    """A local version label (``+cpu``) exists in one index only."""
    for name, version in pins.items():
        assert version.local is None, name
        assert not version.is_devrelease, name


def test_ranges_are_open_at_the_top(requirements):
    """A cap in a library makes it impossible to install beside others."""
    for requirement in requirements:
        for specifier in requirement.specifier:
            assert specifier.operator == ">=", str(requirement)


def test_file_says_how_to_make_it_again(root):
    head = (root / "constraints.txt").read_text().splitlines()[0:2]
    assert all(line.startswith("#") for line in head)
    assert re.search(r"constraints\.txt", (root / "CONTRIBUTING.md").read_text())
