"""The run folder: all of one training, without pickle, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmgraph.atomic import atomic_folder
from mmgraph.config import Config, parse, read_yaml
from mmgraph.errors import DivergedError, Fault, MMGraphError, RunError
from mmgraph.graph import Graph, load_graph
from mmgraph.graph.fetched import is_address
from mmgraph.tasks.fold_maps import Shaped
from mmgraph.training.assemble import assemble
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import describe_environment, reproducible
from mmgraph.training.run import Run
from mmgraph.yaml_text import dump_yaml

MARKER = "run.json"
BEST, LAST = "model.safetensors", "last.safetensors"
"""The weights of the best epoch, and those after the last step; with ``ema``, averages."""


class GraphRecord(Config):
    """Which graph a run was trained on."""

    name: str
    fingerprint: str
    path: str | None = Field(
        None, description="Its address, or where it is, from the run folder; nothing if not on disk."
    )
    features: dict[str, str] = Field(
        {}, description="By modality node type, a hash of what its features mean, where that is known."
    )


class RunRecord(Config):
    """The content of ``run.json``."""

    format: Literal[1] = 1
    task: str
    model: str
    seed: int
    batch_size: int | None = Field(None, description="Training entities of a step; 0 for the whole graph.")
    fanout: tuple[int, ...] | dict[str, tuple[int, ...]] | None = Field(
        None, description="Neighbours of a sample, hop after hop, also by relation."
    )
    devices: int = Field(1, description="How many devices shared each batch.")
    epochs: int
    best_epoch: int
    graph: GraphRecord
    target: dict[str, Any]
    notes: list[str]
    environment: dict[str, Any]


def save_run(run: Run, folder: Path, *, overwrite: bool = False) -> None:
    """Write a run to a folder.

    Args:
        run: The run.
        folder: Where to.
        overwrite: Replace an earlier run.

    Raises:
        UserError: If the folder is there already and must not be replaced.
    """
    with atomic_folder(folder, marker=MARKER, overwrite=overwrite) as new:
        write_run(run, new, destination=folder)


def write_run(run: Run, folder: Path, *, destination: Path) -> None:
    """Write the files of a run.

    Args:
        run: The run.
        folder: An empty folder.
        destination: Where the folder will be; the path to the graph starts there.
    """
    metrics = _finite_metrics(run)
    graph_path = run.graph.address if run.graph.folder else None
    if run.graph.folder and graph_path is None:
        graph_path = os.path.relpath(run.graph.folder, destination)
    record = RunRecord(
        **run.describe(),
        graph=GraphRecord(
            name=run.graph.manifest["name"],
            fingerprint=run.graph.fingerprint(),
            path=graph_path,
            features=meanings(run.graph),
        ),
        environment=describe_environment(),
    )
    _write_json(folder / MARKER, record.model_dump())
    config = dump_yaml(run.config.model_dump(mode="json"))
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    write_best(run, folder)
    _write_weights(folder / LAST, dict(run.last_weights))
    _write_json(folder / "metrics.json", metrics)
    run.predictions().to_parquet(folder / "predictions.parquet", index=False)
    run.history.to_csv(folder / "history.csv", index=False)


def meanings(graph: Graph) -> dict[str, str]:
    """Return by modality node type a hash of what its features mean; none where nobody can tell: its encoder
    is not kept, of a version that is no more, or of a plugin that is not here."""
    found = {}
    for name in graph.encoders:
        with contextlib.suppress(MMGraphError, OSError):
            found[name] = graph.encoders[name].meaning()
    return found


def write_best(run: Run, folder: Path) -> None:
    """Write the weights that a run has now, its best ones, into its folder.

    Args:
        run: The run.
        folder: The folder, which has its :data:`MARKER` already.
    """
    weights = {name: value.contiguous() for name, value in run.module.state_dict().items()}
    _write_weights(folder / BEST, weights)


def _write_weights(file: Path, weights: dict[str, Tensor]) -> None:
    save_file(weights, file)
    # It would be for the owner's eyes alone, unlike all files beside it.
    file.chmod((file.parent / MARKER).stat().st_mode)


def _finite_metrics(run: Run) -> dict[str, dict[str, float]]:
    """Return the metrics by split; one in which a number is not finite has a note instead.

    What a test entity holds that no other does shall not cost a training that is done.
    """
    metrics = {}
    for split in run.task.labelled_splits():
        try:
            metrics[split] = run.evaluate(split)
        except DivergedError as error:
            note = f"not measured on {split}: {error.faults[0].problem}"
            run.module.notes += [note] if note not in run.module.notes else []
    return metrics


def load_run(
    folder: str | Path,
    *,
    graph: Graph | str | Path | None = None,
    eval_batch_size: int | None = None,
) -> Run:
    """Return the run that a folder holds.

    Args:
        folder: The run folder.
        graph: The graph that it was trained on, where that is not where it was.
        eval_batch_size: How many nodes to measure at a time, each with all of its neighbours, where another
            number would take too much memory; by default the config's.

    Raises:
        RunError: If the folder holds no run, or the graph is not there or not the same.
        ConfigError: If ``run.json`` or ``config.yaml`` holds what cannot be used, or the number is below 1.
    """
    folder = Path(folder)
    record, config = read_record(folder)
    if eval_batch_size is not None:
        given = {**config.model_dump(), "eval_batch_size": eval_batch_size}
        config = parse(TrainConfig, given, where="load_run")
    found = _find_graph(record.graph, folder, graph)
    with reproducible(config.seed, torch.device("cpu")):
        module = assemble(found, record.task, config)
    _load_weights(module, folder / BEST)
    # Those of the training are among them: what time it had, where it was resumed.
    module.notes = record.notes
    return Run(
        graph=found,
        config=config,
        module=module,
        history=_read_history(folder / "history.csv"),
        best_epoch=record.best_epoch,
        folder=folder,
    )


def _find_graph(record: GraphRecord, folder: Path, graph: Graph | str | Path | None) -> Graph:
    """Return the graph that a run was trained on."""
    if not isinstance(graph, Graph):
        if graph is None and record.path is None:
            raise RunError(
                f"the graph {record.name!r} that it was trained on was never saved with it",
                where=str(folder / MARKER),
                fix="Pass --graph GRAPH, the folder of that graph.",
            )
        place = record.path if graph is None else graph
        assert place is not None
        if graph is None and not is_address(place) and not (folder / place / "manifest.json").is_file():
            raise RunError(
                f"the graph {record.name!r} that it was trained on is no longer at "
                f"{os.path.normpath(folder / place)}",
                where=str(folder / MARKER),
                fix="Pass --graph GRAPH, the folder of that graph.",
            )
        graph = load_graph(place if graph is not None or is_address(place) else folder / place)
    if graph.fingerprint() != record.fingerprint:
        raise RunError(
            f"the graph at hand has the fingerprint {graph.fingerprint()}, but the run was trained on "
            f"{record.name!r} with {record.fingerprint}",
            where=str(folder / MARKER),
            fix="Pass --graph GRAPH, the folder of that graph, or train anew.",
        )
    return graph


def read_weights(file: Path) -> dict[str, Tensor]:
    """Return the weights in a file, by name.

    Raises:
        RunError: If it cannot be read.
    """
    try:
        return load_file(file)
    except FileNotFoundError:
        raise RunError("there is no such file", where=str(file), fix="Train anew.") from None
    except SafetensorError as error:
        raise RunError(f"is no safetensors file: {error}", where=str(file), fix="Train anew.") from None


def _load_weights(module: nn.Module, file: Path) -> None:
    """Load weights into a module that has the same names and shapes."""
    weights = read_weights(file)
    for name, part in module.named_modules():
        if isinstance(part, Shaped):
            part.make_room(weights, f"{name}.")
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    faults = [
        Fault(
            f"{file}: {name}",
            f"got {found.get(name, 'nothing')}; wanted {wanted.get(name, 'nothing')}",
            "config.yaml and the weights must be of one training. Train again what an earlier version wrote.",
        )
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    if faults:
        raise RunError.of(faults)
    module.load_state_dict(weights)


def read_record(folder: Path) -> tuple[RunRecord, TrainConfig]:
    """Return what a run folder says of itself, and its config.

    Raises:
        RunError: If it is no run folder, or ``run.json`` cannot be read.
        ConfigError: If ``run.json`` or ``config.yaml`` holds what cannot be used.
    """
    file, config = folder / MARKER, folder / "config.yaml"
    if not file.is_file():
        raise RunError(
            f"there is no {MARKER}, so it is no run folder",
            where=str(folder),
            fix="Make one with `mmgraph train`.",
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"is not valid JSON: {error}", where=str(file), fix="Train anew.") from None
    return parse(RunRecord, content, where=str(file)), parse(
        TrainConfig, read_yaml(config), where=str(config)
    )


def _read_history(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read: {error}", where=str(file), fix="Train anew.") from None


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
