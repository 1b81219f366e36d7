"""The ``mmgraph`` command, and how it ends.

Exit codes: 0 done, 1 a fault of mmgraph, or an audit that found something, 2 the user's fault (the message
says what to do), 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

import typer

from mmgraph.cli.app import build_app
from mmgraph.errors import MMGraphError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit.

    Args:
        arguments: The command line without ``mmgraph``; by default that of the process.
    """
    # Unwinds like an interrupt, so that no half-made folder stays. It also keeps Lightning from putting in
    # its own handler, whose exception looks like any other error of a training.
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Only results go to standard output.

    Args:
        arguments: The command line without ``mmgraph``. ``--debug`` may stand anywhere in it.
    """
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    command = typer.main.get_command(build_app())
    try:
        # Without standalone mode typer leaves errors to us, and returns the code of an exit.
        code = command.main(rest or ["--help"], prog_name="mmgraph", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever reads the output has had enough. The interpreter's own flush at exit must find no pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        code = _report(error, debug=debug)
    if code == INTERRUPTED:
        sys.stderr.write("interrupted\n")
    return code or 0


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler gets
    sys.exit(128 + number)


def _report(error: Exception, *, debug: bool) -> int:
    """Write one error to standard error and return the exit code that it asks for."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, MMGraphError):
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    if isinstance(error, typer.TyperException):
        # The command line cannot be read; pydantic, which typer asks, has its own way to begin a sentence.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "mmgraph"
        sys.stderr.write(f"error: {message}. See {command} --help.\n")
        return 2
    hint = "" if debug else " Run the command again with --debug to see where, and please report it."
    sys.stderr.write(f"error: a fault of mmgraph: {type(error).__name__}: {error}.{hint}\n")
    return 1
