"""The documentation names everything that is public, and its generated parts say what the code says."""

import importlib.util
import re
import sys
import tomllib
from types import ModuleType
from typing import Literal

import pytest
from packaging.requirements import Requirement
from pydantic import Field

import mmgraph
from mmgraph.cli.app import COMMANDS
from mmgraph.config import Config
from mmgraph.registry import LAYERS


class SteamEngineSpec(Config):
    """What drives it.

    Not in the table.
    """

    fuel: Literal["coal", "wood"] = Field("coal", description="What it burns | eats.")
    power: float | None = Field(None, gt=0, lt=9, description="In horses.")


class Train(Config):
    name: str
    engines: tuple[SteamEngineSpec, ...] = ()
    named: dict[str, SteamEngineSpec] = Field(default_factory=dict)


@pytest.fixture(scope="module")
def extension(root):
    """Load one of the documentation's extensions by name."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, root / f"docs/_extensions/{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load


def test_every_public_name_is_in_the_reference(root):
    text = (root / "docs/reference/api.md").read_text()
    public = [name for name in mmgraph.__all__ if not name.startswith("_")]
    assert len(public) > 30
    assert [name for name in public if not re.search(rf"\b{name}\b", text)] == []


def test_every_layer_is_in_a_table_that_says_when_to_take_it(root):
    text = "".join((root / f"docs/{page}.md").read_text() for page in ("layers", "fusion"))
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|", text, re.MULTILINE)
    assert [name for name in LAYERS.names() if name not in rows] == []


def test_every_dependency_is_explained(root):
    text = (root / "docs/dependencies.md").read_text()
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    names = {Requirement(line).name for line in [*project["dependencies"], *(x for e in extras for x in e)]}
    assert [name for name in sorted(names - {"mmgraph"}) if f"| {name.lower()} |" not in text.lower()] == []


def test_every_command_has_a_section_with_its_examples(extension):
    page = extension("command_pages").command_pages()
    for name, (_, examples) in COMMANDS.items():
        assert f"## mmgraph {name}\n" in page
        assert all(example in page for example in examples)
    assert "| `--task TASK` | **required** |" in page
    assert "| `--seeds N` | `3` |" in page


def test_every_registered_name_is_described(extension):
    extension("config_tables")
    names = extension("registered_names")
    page = names.registered_names()
    for registry in names.TITLES.values():
        for name in registry.names():
            described = rf"^(\| `{name}` \| |### {name}\n\n)\w"
            assert re.search(described, page, flags=re.MULTILINE), f"{name} has no description"
    assert "| `k` | integer (at least 1) | `10` | The number of neighbours. |" in page


def test_keys_of_a_configuration_become_tables(extension):
    page = extension("config_tables").config_tables(Train.model_json_schema())
    assert page.splitlines() == [
        "| key | value | default | meaning |",
        "|---|---|---|---|",
        "| `name` | text | **required** |  |",
        "| `engines` | list of [steam engine](#steam-engine) | empty |  |",
        "| `named` | mapping of names to [steam engine](#steam-engine) |  |  |",
        "",
        "## Steam engine",
        "",
        "What drives it.",
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
        "| `fuel` | `coal` or `wood` | `coal` | What it burns \\| eats. |",
        "| `power` | number (above 0, below 9) | nothing | In horses. |",
    ]
