"""Train one model on one task of a graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmgraph.atomic import atomic_folder
from mmgraph.errors import ConfigError, DivergedError, RunError
from mmgraph.graph import Graph, load_graph
from mmgraph.models.fanout import Fanout, takes_none, write_fanout
from mmgraph.progress import Progress
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import choose_batches, open_batches
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import (
    check_precision,
    choose_device,
    describe_environment,
    reproducible,
)
from mmgraph.training.fit import fit
from mmgraph.training.history import Epoch, history_table
from mmgraph.training.logs import check_logs, copy_logs, report
from mmgraph.training.memory import memory_told
from mmgraph.training.resolve import resolve_config
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER, write_run
from mmgraph.training.same_training import Training, finished_run
from mmgraph.training.unfinished import UnfinishedRun, has_more_time, open_unfinished, remove_unfinished


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
    device: str | None = None,
    precision: str | None = None,
    compile: bool | None = None,
    max_time: float | str | None = None,
    report_to: Sequence[str] | str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Run:
    """Train a model on a task.

    Two trainings with the same arguments, libraries and number of threads have bit-identical weights on the
    CPU. Where there is an ``out``, its state is kept beside it in ``out.unfinished`` until it is done.

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
        device: Where to train: ``auto``, ``cpu``, ``cuda`` or e.g. ``cuda:1``; by default the config's.
        precision: What a step computes in: ``32``, ``bf16-mixed``, or on a GPU ``16-mixed``; by default the
            config's.
        compile: Compile the model by ``torch.compile``; by default the config's.
        max_time: How long to train at most, in seconds or as ``10m``; by default the config's.
        report_to: Where the training can be followed while it goes on: ``tensorboard``, ``csv``, ``wandb``,
            ``mlflow``; by default the config's.
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
            finite.
        RunError: If memory runs out, torch cannot compile the model, or what is at ``out`` is another
            training than the one to resume.
        UserError: If ``out`` is there already and must not be replaced.
        MissingDependencyError: If the library of a log is not installed.
    """
    progress = progress or Progress(quiet=True)
    resolved = resolve_config(
        model=model,
        config=config,
        overrides=overrides,
        seed=seed,
        batch_size=batch_size,
        fanout=fanout,
        device=device,
        precision=precision,
        compile=compile,
        max_time=max_time,
        report_to=report_to,
    )
    check_logs(resolved, in_folder=out is not None)
    if resume and out is None:
        raise ConfigError("there is nowhere to resume from", where="resume", fix="Give --out as well.")
    opened = graph if isinstance(graph, Graph) else load_graph(graph)
    if out is None:
        return _train(opened, task, resolved, progress, on_epoch)
    destination = Path(out)
    asked = Training(
        task=task,
        graph=opened.fingerprint(),
        config=resolved,
        environment={**describe_environment(), "device": choose_device(resolved.device).type},
    )
    # What came of it in less time is replaced by what comes of it in more.
    overwrite = overwrite or (resume and has_more_time(destination, asked))
    if resume and (run := finished_run(destination, opened, asked, overwrite=overwrite)):
        remove_unfinished(destination, asked)
        progress.say(f"{destination} is complete already")
        return run
    # Opened first, so that a folder that cannot be written is not found out after the training.
    with open_unfinished(destination, asked, resume=resume, overwrite=overwrite) as unfinished:
        if resume:
            unfinished.find(progress)
        with _saying_how_to_go_on(unfinished, progress):
            run = _train(opened, task, resolved, progress, on_epoch, unfinished)
            new = atomic_folder(destination, marker=MARKER, overwrite=overwrite, inside=unfinished.folder)
            with memory_told(run.config), new as folder:
                write_run(run, folder, destination=destination)
                copy_logs(unfinished.folder, folder)
    run.folder = destination
    return run


def _train(
    graph: Graph,
    task: str,
    config: TrainConfig,
    progress: Progress,
    on_epoch: Callable[[Epoch], None] | None,
    unfinished: UnfinishedRun | None = None,
) -> Run:
    device = choose_device(config.device)
    check_precision(config.precision, device)
    with reproducible(config.seed, device), memory_told(config):
        view = visible_graph(graph, task, config)
        module = assemble(view, task, config)
        if unfinished is not None:
            config = unfinished.settled(config)
            module.notes.extend(unfinished.notes)
        config, reason = choose_batches(config, module.model, view.schema, device)
        progress.say(f"train on {reason}")
        if config.fanout is not None and takes_none(config.fanout):
            module.notes.append(f"sampled without neighbours, by the fanout {write_fanout(config.fanout)}")
        if config.batch_size and (why := module.model.not_in_parts):
            module.notes.append(f"measured on the whole graph at once, since {why}")
        for note in module.notes:
            progress.say(f"note: {note}")
        metric, folder = module.task.monitor[0], unfinished.folder if unfinished is not None else None
        with memory_told(config), report(config, task=task, metric=metric, folder=folder) as reporter:
            data, inference = open_batches(view, module, config, device)
            if unfinished is not None:
                unfinished.begin(config)
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
            )
    return Run(
        graph=graph,
        config=config,
        module=module,
        history=history_table(history),
        best_epoch=best.epoch,
        last_weights=last,
    )


@contextlib.contextmanager
def _saying_how_to_go_on(unfinished: UnfinishedRun, progress: Progress) -> Iterator[None]:
    """Say how to go on from the last checkpoint if the training does not come to its end."""
    try:
        yield
    except RunError as error:
        if not unfinished.has_checkpoint():
            raise
        kept = f"The state of before is in {unfinished.folder}: --resume goes on from it"
        if isinstance(error, DivergedError):
            unfinished.end("diverged")
            kept += ", also with another optimiser.lr or optimiser.clip_norm"
        *others, last = error.faults
        raise type(error).of([*others, replace(last, fix=f"{last.fix} {kept}.".strip())]) from error
    except (KeyboardInterrupt, SystemExit):
        if unfinished.has_checkpoint():
            progress.say(
                f"stopped; the state is in {unfinished.folder}: give the same command with --resume to go on"
            )
        raise
