"""Train one model on one task of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmgraph.atomic import atomic_folder
from mmgraph.graph import Graph, load_graph
from mmgraph.models.fanout import Fanout
from mmgraph.progress import Progress
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import choose_batches, open_batches
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import choose_device, reproducible
from mmgraph.training.fit import fit
from mmgraph.training.history import history_table
from mmgraph.training.resolve import resolve_config
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER, write_run


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
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Train a model on a task.

    Two trainings with the same arguments, libraries and number of threads have bit-identical weights on the
    CPU.

    Args:
        graph: A graph, or its folder.
        task: One of the graph's tasks.
        model: A registered model, or the path to a config; ``hetero_gat`` by default.
        config: The name of a shipped config, a path, or a config of which only the keys count that were set.
        overrides: Assignments to config keys, e.g. ``model.heads=8``; they win over everything else but
            ``seed``, ``batch_size`` and ``fanout``.
        out: The run folder to write; nothing is written by default.
        seed: Seeds everything random; by default the config's.
        batch_size: Training entities of a step, which then sees a sample of their neighbourhoods; 0 for the
            whole graph in each step. By default the config's, or what memory allows.
        fanout: How many neighbours a sample takes, hop after hop, e.g. ``[15, 10]``, also by relation, e.g.
            ``{"looks_like": [15, 10], "*": [5, 5]}``; by default the config's.
        overwrite: Replace an earlier run folder.
        progress: Told of every step; nothing to tell nobody.

    Returns:
        The run, with the weights of the best epoch.

    Raises:
        ConfigError: If the config cannot be used, or the graph has no such task.
        GraphError: If the graph or its labels cannot be used.
        RunError: If the loss stops being finite.
        UserError: If ``out`` is there already and must not be replaced.
    """
    progress = progress or Progress(quiet=True)
    resolved = resolve_config(
        model=model, config=config, overrides=overrides, seed=seed, batch_size=batch_size, fanout=fanout
    )
    opened = graph if isinstance(graph, Graph) else load_graph(graph)
    if out is None:
        return _train(opened, task, resolved, progress)
    destination = Path(out)
    # Opened first, so that a folder that cannot be written is not found out after the training.
    with atomic_folder(destination, marker=MARKER, overwrite=overwrite) as folder:
        run = _train(opened, task, resolved, progress)
        write_run(run, folder, destination=destination)
    run.folder = destination
    return run


def _train(graph: Graph, task: str, config: TrainConfig, progress: Progress) -> Run:
    device = choose_device(config.device)
    with reproducible(config.seed, device):
        view = visible_graph(graph, task, config)
        module = assemble(view, task, config)
        config, reason = choose_batches(config, module.model, view.schema, device)
        progress.say(f"train on {reason}")
        if config.batch_size and (why := module.model.not_in_parts):
            module.notes.append(f"measured on the whole graph at once, since {why}")
        for note in module.notes:
            progress.say(f"note: {note}")
        data, inference = open_batches(view, module, config, device)
        history, best = fit(module, data, inference, config, device, progress)
    return Run(
        graph=graph,
        config=config,
        module=module,
        history=history_table(history),
        best_epoch=best.epoch,
    )
