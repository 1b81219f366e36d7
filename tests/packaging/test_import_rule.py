"""The import rule of the house holds, and the contract that checks it names every folder."""

import subprocess
import sys
import tomllib
from pathlib import Path


def test_import_linter_passes(root):
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_its_place(root):
    """A new folder or root module that the contract does not name could import whatever it likes."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {part.strip() for layer in contracts[0]["layers"] for part in layer.split("|")}
    package = root / "mmgraph"
    there = {f"mmgraph.{path.stem}" for path in package.glob("*.py") if path.stem != "__init__"}
    there |= {f"mmgraph.{path.parent.name}" for path in package.glob("*/__init__.py")}
    assert there == named
