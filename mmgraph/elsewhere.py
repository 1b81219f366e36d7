"""One large piece of work, cut into parts that the workers of a cluster do."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mmgraph.errors import ConfigError, DataError, MMGraphError, RunError, did_you_mean
from mmgraph.ray_cluster import MOST_LOSSES, Surroundings, Workers, ray_cluster, room_for

PARTS_A_WORKER = 4
"""Into how many parts work is cut for each worker, so that all end at about the same time."""


class Elsewhere(Protocol):
    """Whoever does the parts of a piece of work.

    Args:
        number: How many parts are done at a time.
    """

    number: int

    def do(
        self,
        work: Callable[[Any, Any], Any],
        common: Any,
        parts: Sequence[Any],
        done: Callable[[int], object],
    ) -> list[Any]:
        """Return what a function makes of each part.

        Args:
            work: A function of a module, of what all parts have in common and of one part.
            common: What all parts have in common.
            parts: What each part has of its own.
            done: Called with the number of each part that is done.

        Raises:
            MMGraphError: What the function raised.
        """
        ...


@contextlib.contextmanager
def elsewhere_on(engine: str, workers: int, folder: Path) -> Iterator[Elsewhere | None]:
    """Yield who does large pieces of work; nothing where this process does.

    Args:
        engine: ``local`` or ``ray``.
        workers: How many workers a cluster is to have for it.
        folder: What they read from.

    Raises:
        ConfigError: If there is no such engine, or the cluster is too small.
        RunError: If the cluster cannot be reached.
        MissingDependencyError: If Ray is not installed.
    """
    if engine == "local":
        yield None
    elif engine == "ray":
        with ray_cluster() as ray:
            yield RayData(ray, room_for(ray, workers), folder)
    else:
        raise ConfigError(
            f"got {engine!r}; wanted local or ray", where="engine", fix=did_you_mean(engine, ["local", "ray"])
        )


class RayData:
    """The workers of a Ray cluster, which do parts as tasks of Ray Data; one that is lost is done again.

    Args:
        ray: From :func:`~mmgraph.ray_cluster.ray_cluster`.
        workers: How many, and what each has.
        folder: What they read from; all nodes see it.
    """

    def __init__(self, ray: Any, workers: Workers, folder: Path) -> None:
        self.number = workers.number
        self._ray, self._workers, self._folder = ray, workers, folder.absolute()

    def do(
        self,
        work: Callable[[Any, Any], Any],
        common: Any,
        parts: Sequence[Any],
        done: Callable[[int], object],
    ) -> list[Any]:
        """Return what a function makes of each part; see :class:`Elsewhere`.

        Raises:
            MMGraphError: What the function raised.
            RunError: If Ray cannot do a part, whose workers are lost again and again.
        """
        import ray.data
        from ray.exceptions import RayError, RayTaskError

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        settings = ray.data.DataContext.get_current()
        settings.enable_progress_bars = settings.print_on_execution_start = False
        given = {
            "work": work,
            # Nodes map arrays in it; nothing of it is copied for a part.
            "common": [self._ray.put(common)],
            "parts": [self._ray.put(part) for part in parts],
            "surroundings": Surroundings.of(self._workers),
            "folder": self._folder,
        }
        items = [{"part": number} for number in range(len(parts))]
        tasks = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            _do_part,
            fn_kwargs=given,
            batch_size=1,
            num_cpus=self._workers.cpus,
            max_retries=MOST_LOSSES,
            compute=ray.data.TaskPoolStrategy(size=self.number),
        )
        results: list[Any] = [None] * len(parts)
        try:
            for row in tasks.iter_rows():
                result = row["done"].result
                if isinstance(result, MMGraphError):
                    raise result
                results[row["part"]] = result
                done(row["part"])
        except RayTaskError:
            raise
        except RayError as error:
            why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            raise RunError(
                f"Ray could not do a part of the work: {why}",
                where="engine",
                fix="Ray ends what makes a node's memory run out: take fewer workers, or nodes with more "
                "memory. `ray status` tells which nodes are left.",
            ) from None
        return results


@dataclass(frozen=True)
class _Done:
    """What came of a part, which Ray Data carries as it is: of a bare array it makes columns of its own."""

    result: Any


def _do_part(
    batch: dict[str, Any],
    *,
    work: Callable[[Any, Any], Any],
    common: list[Any],
    parts: list[Any],
    surroundings: Surroundings,
    folder: Path,
) -> dict[str, Any]:
    """Do one part, the only row of a batch."""
    import ray

    try:
        if not folder.is_dir():
            raise DataError(
                f"is not there on the node {os.uname().nodename} of the cluster",
                where=str(folder),
                fix="Put it on storage that every node sees under the same path.",
            )
        surroundings.take_over()
        result = work(ray.get(common[0]), ray.get(parts[batch["part"][0]]))
    except MMGraphError as error:
        result = error
    return {"part": batch["part"], "done": [_Done(result)]}
