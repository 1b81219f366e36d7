"""A training in new processes, one for each device: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from mmgraph.atomic import require_place
from mmgraph.errors import ConfigError
from mmgraph.graph import Graph
from mmgraph.progress import Progress
from mmgraph.ray_cluster import ray_cluster, room_for
from mmgraph.training.environment import own_device
from mmgraph.training.launch import launch
from mmgraph.training.launch_on_ray import launch_on_ray
from mmgraph.training.order import Order
from mmgraph.training.processes import Processes
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER, load_run
from mmgraph.training.unfinished import open_unfinished

TakePart: TypeAlias = Callable[[str | Path, Order, Progress], None]
"""What each process does, with the place of the graph."""


def train_in_new_processes(
    graph: Graph, order: Order, take_part: TakePart, progress: Progress, on_epoch: Callable[..., Any] | None
) -> Run:
    """Train in processes that are started for it, and return the run that they leave.

    Args:
        graph: The graph, which has a folder.
        order: What to do, with an ``out``.
        take_part: A function of a module.
        progress: Shows what the first process tells.
        on_epoch: Nothing: a function stays in this process.

    Raises:
        ConfigError: If other processes cannot do what is asked for.
        MMGraphError: What one of them raised.
    """
    engine = order.config.engine
    problem, fix = "", ""
    if graph.place is None:
        problem = "the graph is in the memory of this one"
        fix = "Save it (graph.save(folder)) and train on the folder, or start the script by torchrun."
    elif order.out is None:
        problem, fix = "the run would stay in one of them", "Give an out."
    elif on_epoch is not None:
        problem = "on_epoch is a function of this one"
        fix = "Leave it out, or start the script by torchrun."
    if problem:
        where = "devices" if engine == "local" else "engine"
        raise ConfigError(f"each device has a process of its own, but {problem}", where=where, fix=fix)
    assert order.out is not None
    assert graph.place is not None
    if (run := order.finished(graph, progress)) is not None:
        return run
    if engine == "ray":
        _on_cluster(graph, graph.place, order, take_part, progress)
    else:
        _here(graph.place, order, take_part, progress)
    return load_run(order.out, graph=graph)


def _here(place: str | Path, order: Order, take_part: TakePart, progress: Progress) -> None:
    devices = order.config.devices
    own_device(order.config.device, Processes(size=devices, local_size=devices))
    assert order.out is not None
    require_place(order.out, marker=MARKER, overwrite=order.overwrite)
    arguments = {"take_part": take_part, "graph": place, "order": order, "quiet": progress.quiet}
    launch(_process, arguments, devices)


def _process(take_part: TakePart, graph: str | Path, order: Order, quiet: bool) -> None:
    take_part(graph, order, Progress(quiet=quiet))


def _on_cluster(
    graph: Graph, place: str | Path, order: Order, take_part: TakePart, progress: Progress
) -> None:
    assert order.out is not None
    out = order.out.absolute()
    with ray_cluster() as ray:
        workers = room_for(ray, order.config.devices, device=order.config.device)
        if not order.resume:
            # Cleared before any worker begins: whoever takes over finds what is of this training alone.
            with open_unfinished(out, order.of(graph), resume=False, overwrite=order.overwrite):
                pass
        out.parent.mkdir(parents=True, exist_ok=True)
        order = replace(order, out=out).noting_replaced()
        arguments = {"take_part": take_part, "graph": place, "order": order}
        # Each machine copies for itself what is at an address.
        shared = [place, out.parent] if isinstance(place, Path) else [out.parent]
        launch_on_ray(ray, _worker, arguments, workers, shared=shared, progress=progress)


def _worker(take_part: TakePart, graph: str | Path, order: Order, again: bool, progress: Progress) -> None:
    take_part(graph, order.again() if again else order, progress)
