"""A wheel holds the whole package with the shipped datasets and configs, and nothing else."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from mmgraph.paths import shipped

PROBE = """
import sys
sys.path[:0] = [{unpacked!r}]
sys.path.append({libraries!r})
from mmgraph.paths import shipped
print(shipped("datasets"))
print(shipped("configs"))
"""


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("mmgraph-*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def package_files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_source_tree_ships_its_own_folders(root):
    for kind in ("datasets", "configs"):
        assert shipped(kind) == root / kind


def test_wheel_holds_package_datasets_and_configs(root, wheel):
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {f"mmgraph/{name}" for name in package_files(root / "mmgraph")}
    for kind in ("datasets", "configs"):
        wanted |= {f"mmgraph/shipped/{kind}/{name}" for name in package_files(root / kind)}
    assert names == wanted
    assert "mmgraph/shipped/datasets/glyphs/dataset.yaml" in names
    assert "mmgraph/shipped/configs/hetero_gat.yaml" in names


def test_unpacked_wheel_finds_what_it_ships(wheel, tmp_path):
    wheel.extractall(tmp_path)
    probe = PROBE.format(unpacked=str(tmp_path), libraries=sysconfig.get_path("purelib"))
    # -S leaves out the hook of the editable install, which would lead back to the source tree.
    done = subprocess.run(
        [sys.executable, "-S", "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert folders == [tmp_path / "mmgraph/shipped/datasets", tmp_path / "mmgraph/shipped/configs"]
    assert (folders[0] / "glyphs/prepare.py").is_file()


def test_editable_install_adds_no_second_package():
    """A folder ``mmgraph`` among the installed libraries would hide the source tree."""
    assert not (Path(sysconfig.get_path("purelib")) / "mmgraph").exists()
