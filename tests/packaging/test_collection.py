"""How pytest finds and imports the package: once, under its own name, the project's folders out of reach."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import mmgraph

PROBE = """
import importlib.util
import sys
from pathlib import Path

def test_probe():
    root = Path({root!r})
    assert root not in [Path(entry).resolve() for entry in sys.path]
    for folder in ("datasets", "configs", "benchmarks", "tests"):
        spec = importlib.util.find_spec(folder)
        places = list(spec.submodule_search_locations or []) if spec else []
        assert str(root / folder) not in places
"""


def test_projects_folders_do_not_hide_installed_libraries(root, tmp_path):
    probe = tmp_path / "test_probe.py"
    probe.write_text(PROBE.format(root=str(root)))
    pytest_command = Path(sys.executable).with_name("pytest")
    done = subprocess.run(
        [pytest_command, "-q", "-p", "no:cacheprovider", "-c", root / "pyproject.toml", probe],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_no_module_is_imported_twice():
    """Doctests import every module; a second copy would register every layer, relation, ... a second time."""
    folder = Path(mmgraph.__file__).parent
    names = defaultdict(set)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).is_relative_to(folder):
            names[file].add(name)
    assert {file: found for file, found in names.items() if len(found) > 1} == {}
    assert all(name.split(".")[0] == "mmgraph" for found in names.values() for name in found)
