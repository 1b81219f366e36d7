"""No committed file names a package index or a place on somebody's machine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Written so that this file does not match itself.
UNWANTED = {
    "package index": r"pypi[.]org|pythonhosted[.]org|download[.]pytorch[.]org|-index[-]url|find[-]links",
    "place on a machine": r"""(?<![\w.])/(?:root|work|Users|opt)[/]\w|/home[/](?!you\b)\w|[A-Z]:[\\]Users""",
}


@pytest.fixture(scope="module")
def tracked(root) -> list[Path]:
    """Every file that git tracks or would track."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        pytest.skip("needs a clone and git")
    listed = subprocess.run(
        [git, "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_names(root, tracked, what):
    pattern = re.compile(UNWANTED[what])
    found = []
    for file in tracked:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if match := pattern.search(line):
                found.append(f"{file.relative_to(root)}:{number}: {match.group()}")
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["see /root/" + "x", "'/home/" + "ann/data'", "C:\\" + "Users", "https://pypi" + ".org/simple"],
)
def test_unwanted_lines_are_seen(line):
    assert any(re.search(pattern, line) for pattern in UNWANTED.values())


def test_nothing_large_is_committed(root, tracked):
    large = [str(file.relative_to(root)) for file in tracked if file.stat().st_size > 1_000_000]
    assert large == []
