"""Workers of a Ray cluster that do one thing together by Ray Train: replaced when they are lost."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmgraph.counted import counted
from mmgraph.errors import GraphError, RunError
from mmgraph.progress import Progress
from mmgraph.ray_cluster import MOST_LOSSES, Surroundings, Workers
from mmgraph.training.desk import Desk, ShownProgress, ToldProgress
from mmgraph.training.launch import as_told
from mmgraph.training.processes import PATIENCE, backend_of, has_lost_others, told_processes

_SECONDS_BETWEEN_LOOKS = 0.3
_SECONDS_TO_COME = 20.0
"""After how long it is said that workers have no room yet."""

# Ray waits for room a minute each time.
_MOST_WAITS = 10


def launch_on_ray(
    ray: Any,
    work: Callable[..., None],
    arguments: Mapping[str, Any],
    workers: Workers,
    *,
    shared: Sequence[Path],
    progress: Progress,
) -> None:
    """Call a function in the workers of a cluster, and return once all of them are done.

    Each finds in its environment what it would find under ``torchrun``, the same plugins loaded, and the
    process group made. If one of them is lost, all are started again, so that the function has to find where
    it was.

    Args:
        ray: From :func:`~mmgraph.ray_cluster.ray_cluster`.
        work: A function of a module. It is also called with ``again``, whether workers have been lost, and
            with a ``progress``.
        arguments: Its other arguments, which are pickled.
        workers: How many workers, and what each of them has.
        shared: Folders that every worker must see; the last one is written to.
        progress: Shows what the first worker tells.

    Raises:
        RunError: If workers are lost again and again, or there is no room for them.
        Exception: What a worker raised, if it raised anything else than that it lost the others.
    """
    desk = ray.remote(Desk).options(num_cpus=0, scheduling_strategy=_here(ray)).remote()
    # NFS keeps files there that a worker which is ending has open.
    folder = tempfile.TemporaryDirectory(prefix=".ray-", dir=shared[-1], ignore_cleanup_errors=True)
    with folder as storage:
        took_part = _worker_loop(
            work,
            dict(arguments),
            Surroundings.of(workers),
            desk,
            [*shared, Path(storage)],
            progress.quiet,
        )
        fitting = _Fitting(_trainer(took_part, workers, storage))
        shown = ShownProgress(progress)
        try:
            _watch(ray, fitting, desk, shown, workers, progress)
        except (KeyboardInterrupt, SystemExit):
            ray.get(desk.end.remote(None))
            for worker in ray.get(desk.workers.remote()):
                ray.kill(worker)
            raise
        finally:
            shown.end()
        failure = ray.get(desk.failure.remote()) or _ended_by(fitting.failure)
    if failure is not None:
        raise failure


def _here(ray: Any) -> Any:
    """Return what keeps an actor on this node, so that no other one can lose it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _trainer(loop: Callable[[], None], workers: Workers, storage: str) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    return TorchTrainer(
        loop,
        torch_config=TorchConfig(
            backend=backend_of("cuda" if workers.gpus else "cpu"), timeout_s=int(PATIENCE.total_seconds())
        ),
        scaling_config=ScalingConfig(
            num_workers=workers.number, use_gpu=bool(workers.gpus), resources_per_worker=workers.resources
        ),
        run_config=RunConfig(
            name="training",
            storage_path=storage,
            failure_config=FailureConfig(max_failures=MOST_LOSSES, controller_failure_limit=_MOST_WAITS),
        ),
    )


class _Fitting(threading.Thread):
    """Ray Train at work, in a thread: in the main one it would take Ctrl-C for itself."""

    def __init__(self, trainer: Any) -> None:
        super().__init__(name="mmgraph-ray-train", daemon=True)
        self._trainer = trainer
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._trainer.fit()
        except BaseException as error:
            self.failure = error


def _watch(
    ray: Any, fitting: _Fitting, desk: Any, shown: ShownProgress, workers: Workers, progress: Progress
) -> None:
    """Show what workers tell until they are done, and say so if there is no room for them yet."""
    from ray.util import placement_group_table

    began, waiting = time.monotonic(), True
    while running := fitting.is_alive():
        fitting.join(_SECONDS_BETWEEN_LOOKS)
        words = ray.get(desk.collect.remote())
        waiting = waiting and not words and running
        if waiting and time.monotonic() - began > _SECONDS_TO_COME:
            waiting = False
            if any(group["state"] == "PENDING" for group in placement_group_table().values()):
                each = counted(workers.cpus, "CPU")
                progress.say(f"note: {workers.number} workers of {each} each wait for room in the cluster")
        for word in words:
            shown.show(word)


def _worker_loop(
    work: Callable[..., None],
    arguments: dict[str, Any],
    surroundings: Surroundings,
    desk: Any,
    shared: Sequence[Path],
    quiet: bool,
) -> Callable[[], None]:
    """Return what each worker calls: Ray Train takes a function without arguments."""

    def loop() -> None:
        _take_part(work, arguments, surroundings, desk, shared, quiet)

    return loop


def _take_part(
    work: Callable[..., None],
    arguments: dict[str, Any],
    surroundings: Surroundings,
    desk: Any,
    shared: Sequence[Path],
    quiet: bool,
) -> None:
    """Do the work of one worker, and tell what it raised if that would come again."""
    import ray

    desk.come.remote(ray.get_runtime_context().current_actor)
    processes = told_processes()
    before = processes.from_first(lambda: ray.get(desk.begin.remote()))
    if before is None:
        return
    progress = ToldProgress(desk.tell.remote, quiet=quiet or not processes.first)
    try:
        if before:
            desk.tell.remote("anew")
            progress.say("note: a worker was lost, and others take over")
        require_shared(shared)
        surroundings.take_over()
        work(**arguments, again=before > 0, progress=progress)
    except Exception as error:
        # Whatever is raised, Ray Train starts all workers again; those begin nothing once the end is told.
        if not has_lost_others(error):
            ray.get(desk.end.remote(as_told(error)))
        raise


def require_shared(folders: Sequence[Path]) -> None:
    """Make sure that this node sees what it must share with the others.

    Args:
        folders: Where they are.

    Raises:
        GraphError: If it does not.
    """
    for folder in folders:
        if not folder.is_dir():
            raise GraphError(
                f"is not there on the node {os.uname().nodename} of the cluster",
                where=str(folder),
                fix="Put it on storage that every node sees under the same path.",
            )


def _ended_by(error: BaseException | None) -> BaseException | None:
    """Return what ended Ray Train as a user should see it."""
    if error is None:
        return None
    from ray.exceptions import RayActorError
    from ray.train import ControllerError, WorkerGroupError

    if isinstance(error, WorkerGroupError):
        if any(isinstance(failure, RayActorError) for failure in error.worker_failures.values()):
            return RunError(
                f"workers were lost {MOST_LOSSES + 1} times",
                where="engine",
                fix="So does Ray when a node's memory runs out: take fewer workers or a smaller batch_size. "
                "If there is a checkpoint, --resume goes on from it.",
            )
        return RuntimeError(str(next(iter(error.worker_failures.values()))))
    if isinstance(error, ControllerError):
        return RunError(
            f"Ray Train could not start the workers: {error.controller_failure}",
            where="engine",
            fix="Let the cluster have room for them (`ray status`). If there is a checkpoint, --resume goes "
            "on from it.",
        )
    return error
