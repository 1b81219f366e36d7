"""What README.md promises is there: its commands, its files, and the names of its Python example."""

import ast
import re
import shlex

import pytest

import mmgraph


@pytest.fixture(scope="module")
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_first_commands_are_the_demo_and_the_tests(readme, root):
    commands = [shlex.split(line, comments=True) for line in blocks(readme, "sh")[0].splitlines()]
    assert [command[:3] for command in commands if command] == [
        ["sh", "run.sh", "demo"],
        ["sh", "run.sh", "test"],
    ]
    script = (root / "run.sh").read_text()
    for command in commands:
        assert f"\n    {command[2]})" in script


def test_python_example_uses_names_that_exist(readme):
    (example,) = blocks(readme, "python")
    tree = ast.parse(example)
    assert len(example.splitlines()) <= 25
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mg"
    }
    assert len(used) >= 3
    assert [name for name in sorted(used) if not hasattr(mmgraph, name)] == []


def test_links_lead_to_files(readme, root):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme)
    assert links
    assert [link for link in links if not (root / link).exists()] == []
