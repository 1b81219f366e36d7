"""What a user is told when a training does not come to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from mmgraph.errors import DivergedError, RunError
from mmgraph.progress import Progress
from mmgraph.training.processes import Processes
from mmgraph.training.unfinished import UnfinishedRun


@contextlib.contextmanager
def saying_how_to_go_on(
    unfinished: UnfinishedRun, processes: Processes, progress: Progress
) -> Iterator[None]:
    """Say how to go on from the last checkpoint if the training in the block does not come to its end.

    Args:
        unfinished: Where its state is.
        processes: Those that train together.
        progress: Told that it was stopped, and how to go on.

    Raises:
        RunError: If the block raises it; then with how to go on.
    """
    try:
        yield
    except RunError as error:
        if not unfinished.has_checkpoint():
            raise
        kept = f"The state of before is in {unfinished.folder}: --resume goes on from it"
        if isinstance(error, DivergedError):
            # All processes come here, with the same.
            processes.from_first(lambda: unfinished.end("diverged"))
            kept += ", also with another optimiser.lr or optimiser.clip_norm"
        *others, last = error.faults
        raise type(error).of([*others, replace(last, fix=f"{last.fix} {kept}.".strip())]) from error
    except (KeyboardInterrupt, SystemExit):
        if unfinished.has_checkpoint():
            progress.say(
                f"stopped; the state is in {unfinished.folder}: give the same command with --resume to go on"
            )
        raise
