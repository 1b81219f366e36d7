"""Train one model on one task of a graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mmgraph.atomic import atomic_folder
from mmgraph.errors import ConfigError
from mmgraph.graph import Graph, load_graph
from mmgraph.models.fanout import Fanout, takes_none, write_fanout
from mmgraph.progress import Progress
from mmgraph.sampling.streams import stream_of
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import check_whole, choose_batches, open_batches
from mmgraph.training.config import TrainConfig
from mmgraph.training.disk import disk_told
from mmgraph.training.environment import check_precision, own_device, reproducible, seed_all
from mmgraph.training.fine_tuning import reading_inputs
from mmgraph.training.fit import fit
from mmgraph.training.history import Epoch, history_table
from mmgraph.training.how_to_go_on import saying_how_to_go_on
from mmgraph.training.init_from import initialise
from mmgraph.training.logs import check_logs, copy_logs, report
from mmgraph.training.memory import memory_told, training_told
from mmgraph.training.new_processes import train_in_new_processes
from mmgraph.training.order import Order
from mmgraph.training.processes import Processes, connected, for_processes, told_processes
from mmgraph.training.resolve import resolve_config
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER, load_run, write_run
from mmgraph.training.seen_before import seen_before
from mmgraph.training.unfinished import UnfinishedRun, open_unfinished


def train(
    graph: Graph | str | Path,
    *,
    task: str,
    model: str | None = None,
    config: TrainConfig | str | Path | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    fanout: Fanout | str | None = None,
    temporal: str | None = None,
    device: str | None = None,
    devices: int | None = None,
    engine: str | None = None,
    precision: str | None = None,
    compile: bool | None = None,
    max_time: float | str | None = None,
    report_to: Sequence[str] | str | None = None,
    init_from: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Run:
    """Train a model on a task.

    Two trainings with the same arguments, libraries and number of threads have bit-identical weights on the
    CPU. Where there is an ``out``, its state is kept beside it in ``out.unfinished`` until it is done.

    On several devices, each has a process of its own, which opens the graph folder; a script that asks for
    that must be guarded by ``if __name__ == "__main__":``. In a script that runs under ``torchrun``, each of
    its processes takes its part.

    Args:
        graph: A graph, or its folder.
        task: One of the graph's tasks.
        model: A registered model, or the path to a config; ``hetero_gat`` by default.
        config: The name of a shipped config, a path, or a config of which only the keys count that were set.
        overrides: Assignments to config keys, e.g. ``model.heads=8``; they win over everything else but the
            arguments that are named as keys are.
        out: The run folder to write; nothing is written by default.
        seed: Seeds everything random; by default the config's.
        batch_size: Training entities of a step, which then sees a sample of their neighbourhoods; 0 for the
            whole graph in each step. By default the config's, or what memory allows.
        fanout: How many neighbours a sample takes, hop after hop, e.g. ``[15, 10]``, also by relation, e.g.
            ``{"looks_like": [15, 10], "*": [5, 5]}``; by default the config's.
        temporal: ``uniform`` or ``last``, so that an entity sees only what was there at its own time; a
            sample takes any of these neighbours or the latest ones. By default the config's.
        device: Where to train: ``auto``, ``cpu``, ``cuda`` or e.g. ``cuda:1``; by default the config's.
        devices: How many GPUs, or processes on the CPU, share each batch; by default the config's, and under
            ``torchrun`` as many as it started. The graph must be a folder, and there must be an ``out``.
        engine: Who starts these processes: ``local`` on this machine, or ``ray`` on a cluster, which needs a
            folder and an ``out`` that all its nodes see; by default the config's.
        precision: What a step computes in: ``32``, ``bf16-mixed``, or on a GPU ``16-mixed``; by default the
            config's.
        compile: Compile the model by ``torch.compile``; by default the config's.
        max_time: How long to train at most, in seconds or as ``10m``; by default the config's.
        report_to: Where the training can be followed while it goes on: ``tensorboard``, ``csv``, ``wandb``,
            ``mlflow``; by default the config's.
        init_from: A run whose model's weights to begin with; its model is taken where none is named.
        overwrite: Replace an earlier run folder, and what an unfinished training left for it.
        resume: Go on where an unfinished training with the same arguments and ``out`` was, to the same
            weights; start anew if there is none, and return the run if it is complete.
        progress: Told of every step; nothing to tell nobody.
        on_epoch: Called after every epoch with what was measured; what it raises ends the training.

    Returns:
        The run, with the weights of the best epoch.

    Raises:
        ConfigError: If the config cannot be used, or the graph has no such task.
        GraphError: If the graph or its labels cannot be used.
        DivergedError: If the loss, its gradient or what the model makes of validation entities stops being
            finite. What it makes of test entities is told by :meth:`Run.evaluate`, so that it costs no run.
        RunError: If the run to begin from cannot be used, memory or the disk runs out, torch cannot compile
            the model, one of several processes is ended from outside or cannot reach the others, or what is
            at ``out`` is another training than the one to resume.
        UserError: If ``out`` is there already and must not be replaced.
        MissingDependencyError: If the library of a log, or Ray, is not installed.
    """
    progress = progress or Progress(quiet=True)
    resolved = resolve_config(
        model=model,
        config=config,
        overrides=overrides,
        seed=seed,
        batch_size=batch_size,
        fanout=fanout,
        temporal=temporal,
        device=device,
        devices=devices,
        engine=engine,
        precision=precision,
        compile=compile,
        max_time=max_time,
        report_to=report_to,
        init_from=init_from,
    )
    check_logs(resolved, in_folder=out is not None)
    check_whole(resolved)
    if resume and out is None:
        raise ConfigError("there is nowhere to resume from", where="resume", fix="Give --out as well.")
    opened = graph if isinstance(graph, Graph) else load_graph(graph)
    processes = told_processes()
    order = Order(
        task=task,
        config=for_processes(resolved, processes),
        out=None if out is None else Path(out),
        overwrite=overwrite,
        resume=resume,
    ).replacing_less_time(opened)
    if order.config.devices > processes.size or order.config.engine == "ray":
        return train_in_new_processes(opened, order, _work, progress, on_epoch)
    return _join(opened, order, processes, progress, on_epoch)


def _work(graph: str | Path, order: Order, progress: Progress) -> None:
    """Take the part of a new process."""
    _join(load_graph(graph), order, told_processes(), progress, None)


def _join(
    graph: Graph,
    order: Order,
    processes: Processes,
    progress: Progress,
    on_epoch: Callable[[Epoch], None] | None,
) -> Run:
    """Meet the other processes, if there are any, and take this one's part."""
    device = own_device(order.config.device, processes)
    if not processes.first:
        progress = Progress(quiet=True)
    with connected(processes, device, order):
        return _take_part(graph, order, device, processes, progress, on_epoch)


def _take_part(
    graph: Graph,
    order: Order,
    device: torch.device,
    processes: Processes,
    progress: Progress,
    on_epoch: Callable[[Epoch], None] | None,
) -> Run:
    """Do what one of the processes does, or all where it is alone; only the first one writes."""
    if order.out is None:
        return _train(graph, order, device, processes, progress, on_epoch)
    found: list[Run] = []

    def is_finished() -> bool:
        # A run is not sent to the others: its graph would go with it.
        found.extend(run for run in [order.finished(graph, progress)] if run is not None)
        return bool(found)

    if processes.from_first(is_finished):
        return found[0] if found else load_run(order.out, graph=graph)
    with contextlib.ExitStack() as stack:

        def open_folder() -> UnfinishedRun:
            # Opened first, so that a folder that cannot be written is not found out after the training.
            assert order.out is not None
            unfinished = stack.enter_context(
                open_unfinished(
                    order.out,
                    order.of(graph),
                    resume=order.resume,
                    overwrite=order.overwrite,
                    patience=order.patience,
                )
            )
            if order.resume:
                unfinished.find(progress)
            return unfinished

        unfinished = processes.from_first(open_folder)
        with saying_how_to_go_on(unfinished, processes, progress), disk_told(order.out):
            run = _train(graph, order, device, processes, progress, on_epoch, unfinished)
            processes.from_first(lambda: _write(run, order, unfinished, device))
    run.folder = order.out
    return run


def _write(run: Run, order: Order, unfinished: UnfinishedRun, device: torch.device) -> None:
    assert order.out is not None
    new = atomic_folder(order.out, marker=MARKER, overwrite=order.overwrite, inside=unfinished.folder)
    with training_told(run.config, device), new as folder:
        write_run(run, folder, destination=order.out)
        copy_logs(unfinished.folder, folder)


def _train(
    graph: Graph,
    order: Order,
    device: torch.device,
    processes: Processes,
    progress: Progress,
    on_epoch: Callable[[Epoch], None] | None,
    unfinished: UnfinishedRun | None = None,
) -> Run:
    task, config = order.task, order.config
    check_precision(config.precision, device)
    with reproducible(config.seed, device):
        module = assemble(graph, task, config)
        view = reading_inputs(visible_graph(graph, task, config), module.model)
        if unfinished is None or unfinished.resume_from is None:
            unfitted = "Set contrastive.ridge (or matching.ridge) to false, or take narrower features."
            with memory_told("while ridge regression was fitted", fix=unfitted):
                module.task.fit_head(module.head)
        if note := initialise(module, graph, config):
            assert config.init_from is not None
            module.notes += [note, *seen_before(graph, module.task, config.init_from)]
        if unfinished is not None:
            config = unfinished.settled(config)
            module.notes.extend(unfinished.notes)
        config, reason = choose_batches(config, module.model, view.schema, device)
        progress.say(f"train on {reason}")
        if config.fanout is not None and takes_none(config.fanout):
            module.notes.append(f"sampled without neighbours, by the fanout {write_fanout(config.fanout)}")
        if (config.batch_size or config.eval_batch_size) and (why := module.model.not_in_parts):
            module.notes.append(f"measured on the whole graph at once, since {why}")
        for note in module.notes:
            progress.say(f"note: {note}")
        metric, folder = module.task.monitor[0], unfinished.folder if unfinished is not None else None
        reporting = report(config, task=task, metric=metric, folder=folder)
        told = training_told(config, device, tuned=bool(module.model.encoders))
        with told, reporting if processes.first else contextlib.nullcontext() as reporter:
            data, inference = open_batches(view, module, config, device, processes)
            if unfinished is not None and processes.first:
                unfinished.begin(config)
            if processes.size > 1:
                # The weights began alike; what is dropped shall differ.
                seed_all(int(stream_of(config.seed, "process", processes.rank)) % 2**32)
            history, best, last = fit(
                module,
                data,
                inference,
                config,
                device,
                progress,
                on_epoch=on_epoch,
                reporter=reporter,
                unfinished=unfinished,
                processes=processes,
            )
    return Run(
        graph=graph,
        config=config,
        module=module,
        history=history_table(history),
        best_epoch=best.epoch,
        last_weights=last,
    )
