"""run.sh makes an environment once, mends a broken one, and says what is missing.

A stand-in for Python makes the environments, so that no test installs anything. It notes every call of pip
and of the commands that pip would install, and hands everything else to the Python that runs the tests.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

STAND_IN = """#!/bin/sh
case "$1 $2" in
    "-m venv")
        echo "venv" >>"$LOG"
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        : >"$3/pyvenv.cfg"
        for command in mmgraph pytest; do
            printf '#!/bin/sh\\necho "%s $* in $PWD" >>"$LOG"\\n' "$command" >"$3/bin/$command"
            chmod +x "$3/bin/$command"
        done
        ;;
    "-m pip")
        [ "$3" = --version ] && exit
        echo "pip $*" >>"$LOG"
        [ ! -e "$BREAK_PIP" ]
        ;;
    "-c import ensurepip, venv") [ ! -e "$BREAK_VENV" ] ;;
    *) exec "$REAL_PYTHON" "$@" ;;
esac
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="run.sh needs a POSIX shell")


@dataclass
class Machine:
    """A machine with a clone, and with a Python that can be made to fail."""

    folder: Path
    clone: Path
    environment: dict[str, str]

    @property
    def venv(self) -> Path:
        return self.clone / ".venv"

    def run(self, *arguments: str, **environment: str) -> tuple[int, list[str], str]:
        """Return the exit code, the notes of the stand-in, and standard error."""
        log = self.folder / "log"
        log.write_text("")
        done = subprocess.run(
            ["sh", str(self.clone / "run.sh"), *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )
        assert done.stdout == ""
        return done.returncode, log.read_text().splitlines(), done.stderr

    def break_(self, what: str) -> None:
        Path(self.environment[f"BREAK_{what}"]).touch()

    def mend(self, what: str) -> None:
        Path(self.environment[f"BREAK_{what}"]).unlink()


def link_tools(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)


@pytest.fixture
def machine(tmp_path, root) -> Machine:
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in ("run.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, clone)
    commands = tmp_path / "commands"
    # Only what POSIX has: a Python that happens to be on this machine is out of sight.
    link_tools(commands, ["cat", "chmod", "cksum", "cp", "dirname", "ls", "mkdir", "rm", "sh"])
    (commands / "python3").write_text(STAND_IN)
    (commands / "python3").chmod(0o755)
    environment = {
        "PATH": str(commands),
        "LOG": str(tmp_path / "log"),
        "BREAK_PIP": str(tmp_path / "break pip"),
        "BREAK_VENV": str(tmp_path / "break venv"),
        "REAL_PYTHON": sys.executable,
    }
    return Machine(tmp_path, clone, environment)


def installs(notes: list[str]) -> list[str]:
    return [note for note in notes if note.startswith("pip")]


def test_first_call_sets_up_and_runs_the_demo_where_the_user_is(machine):
    code, notes, _ = machine.run("demo", "--seeds", "2")
    assert code == 0
    assert notes[0] == "venv"
    assert notes[-1] == f"mmgraph demo --seeds 2 in {machine.folder}"
    assert installs(notes)[-1].endswith(f"--no-build-isolation -e {machine.clone}")
    assert all(f"-c {machine.clone}/constraints.txt" in note for note in installs(notes))


def test_tests_run_in_the_clone_with_what_they_need(machine):
    code, notes, _ = machine.run("test", "-x")
    assert code == 0
    assert notes[-1] == f"pytest -n auto --dist worksteal -x in {machine.clone}"
    assert installs(notes)[-1].endswith(f"-e {machine.clone}[test]")


def test_second_call_installs_nothing(machine):
    machine.run("test")
    for command in ("test", "demo", "setup"):
        code, notes, _ = machine.run(command)
        assert code == 0
        assert not installs(notes)
        assert "venv" not in notes


def test_tests_after_demo_add_to_the_same_environment(machine):
    machine.run("demo")
    code, notes, _ = machine.run("test")
    assert code == 0
    assert "venv" not in notes
    assert installs(notes)[-1].endswith("[test]")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(machine, name):
    machine.run("demo")
    with (machine.clone / name).open("a") as file:
        file.write("# changed\n")
    _, notes, _ = machine.run("demo")
    assert installs(notes)
    assert "venv" not in notes


def test_interrupted_installation_is_made_anew(machine):
    machine.break_("PIP")
    code, notes, _ = machine.run("demo")
    assert code != 0
    assert not any(note.startswith("mmgraph") for note in notes)
    machine.mend("PIP")
    leftover = machine.venv / "half-made"
    leftover.touch()
    code, notes, _ = machine.run("demo")
    assert code == 0
    assert "venv" in notes
    assert not leftover.exists()


@pytest.mark.parametrize("damage", ["interpreter", "stamp", "everything"])
def test_broken_environment_is_made_anew(machine, damage):
    machine.run("demo")
    if damage == "interpreter":
        (machine.venv / "bin/python").unlink()
    elif damage == "stamp":
        (machine.venv / "mmgraph-stamp").write_text("")
    else:
        shutil.rmtree(machine.venv)
        machine.venv.mkdir()
    code, notes, _ = machine.run("demo")
    assert code == 0
    assert "venv" in notes


def test_moved_clone_gets_a_new_environment(machine):
    machine.run("demo")
    machine.clone = machine.clone.rename(machine.folder / "moved")
    code, notes, _ = machine.run("demo")
    assert code == 0
    assert "venv" in notes


def test_place_is_the_users_to_choose(machine):
    code, notes, _ = machine.run("demo", MMGRAPH_VENV="my environment")
    assert code == 0
    assert "venv" in notes
    assert (machine.folder / "my environment/bin/python").is_file()
    assert not machine.venv.exists()


def test_folder_that_is_no_environment_is_left_alone(machine):
    machine.venv.mkdir()
    (machine.venv / "letters.txt").write_text("dear")
    code, notes, message = machine.run("demo")
    assert code == 2
    assert not notes
    assert "no virtual environment" in message
    assert (machine.venv / "letters.txt").read_text() == "dear"


def test_working_environment_of_the_user_is_used(machine):
    subprocess.run(
        [machine.environment["PATH"] + "/python3", "-m", "venv", str(machine.venv)],
        env=machine.environment,
        check=True,
    )
    (machine.venv / "mine").touch()
    code, notes, _ = machine.run("demo")
    assert code == 0
    assert installs(notes)
    assert (machine.venv / "mine").exists()


def test_missing_venv_names_the_package(machine):
    machine.break_("VENV")
    code, notes, message = machine.run("demo")
    assert code == 2
    assert not notes
    assert "python3-venv" in message
    assert not machine.venv.exists()


def test_missing_python_is_explained(machine):
    (Path(machine.environment["PATH"]) / "python3").unlink()
    code, _, message = machine.run("demo")
    assert code == 2
    assert "no Python 3.11 or later" in message
    assert "MMGRAPH_PYTHON" in message


def test_old_python_is_passed_over_for_a_recent_one(machine):
    commands = Path(machine.environment["PATH"])
    (commands / "python3").rename(commands / "python3.12")
    (commands / "python3").write_text("#!/bin/sh\nexit 1\n")
    (commands / "python3").chmod(0o755)
    code, _, message = machine.run("demo")
    assert code == 0
    assert "with python3.12" in message


def test_named_python_is_the_only_one_tried(machine):
    code, _, message = machine.run("demo", MMGRAPH_PYTHON="/no such/python")
    assert code == 2
    assert "/no such/python" in message


@pytest.mark.parametrize("arguments", [(), ("dmeo",)])
def test_unknown_command_gets_the_usage(machine, arguments):
    code, notes, message = machine.run(*arguments)
    assert code == 2
    assert not notes
    assert message.startswith("usage: sh run.sh demo|test|setup")


def test_script_is_executable_posix_shell(root):
    text = (root / "run.sh").read_text()
    assert text.startswith("#!/bin/sh\n")
    assert os.access(root / ".ci/run", os.X_OK)
    checker = shutil.which("dash") or shutil.which("sh")
    assert checker is not None
    subprocess.run([checker, "-n", str(root / "run.sh")], check=True)
