"""From a model's name, a config's name and overrides to one complete training config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from pydantic import ValidationError

from mmgraph.config import faults_of, override, parse, read_yaml
from mmgraph.counted import counted
from mmgraph.errors import ConfigError, UnknownNameError, did_you_mean
from mmgraph.paths import shipped
from mmgraph.registry import LAYERS, MODELS
from mmgraph.training.config import ModelConfig, TrainConfig


class TrainingChoice(TypedDict):
    """What a user chooses of a training; see :func:`resolve_config`."""

    model: str | None
    config: TrainConfig | str | Path | None
    overrides: Sequence[str]
    seed: int | None
    batch_size: int | None
    fanout: Sequence[int] | Mapping[str, Sequence[int]] | str | None
    temporal: str | None
    device: str | None
    devices: int | None
    engine: str | None
    precision: str | None
    compile: bool | None
    max_time: float | str | None
    report_to: Sequence[str] | str | None
    init_from: str | Path | None


def config_names() -> list[str]:
    """Return the names of the shipped configs."""
    return sorted(file.stem for file in shipped("configs").glob("*.yaml"))


def find_config(name_or_path: str | Path) -> Path:
    """Return the file of a config: a path to a YAML file, or the name of a shipped one.

    Raises:
        UnknownNameError: If it is a name, and no shipped config has it.

    Example:
        >>> find_config("hetero_gat").name
        'hetero_gat.yaml'
    """
    text = os.fspath(name_or_path)
    if _is_path(text):
        return Path(text)
    file = shipped("configs") / f"{text}.yaml"
    if not file.is_file():
        raise UnknownNameError(
            f"there is no config {text!r}", where="--config", fix=did_you_mean(text, config_names())
        )
    return file


def resolve_config(
    *,
    model: str | None = None,
    config: TrainConfig | str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    batch_size: int | None = None,
    fanout: Sequence[int] | Mapping[str, Sequence[int]] | str | None = None,
    temporal: str | None = None,
    device: str | None = None,
    devices: int | None = None,
    engine: str | None = None,
    precision: str | None = None,
    compile: bool | None = None,
    max_time: float | str | None = None,
    report_to: Sequence[str] | str | None = None,
    init_from: str | Path | None = None,
) -> TrainConfig:
    """Return the config of a training.

    The defaults are overridden by the shipped config of the model's name, that by the model of the run to
    begin from, that by ``config``, that by ``overrides``, and those by the arguments that are named as keys
    are.

    Args:
        model: A registered model, or the path to a YAML file that takes the place of its shipped config.
        config: The name of a shipped config, the path to a YAML file, or a config, of which only the keys
            count that were set.
        overrides: Assignments such as ``model.heads=8``.
        seed: Seeds everything random.
        batch_size: Training entities of a step.
        fanout: How many neighbours a sample takes, hop after hop; ``[15, 10]`` or ``15,10``, also by
            relation.
        temporal: Whether an entity sees only what was there at its own time.
        device: Where to train.
        devices: How many devices share each batch.
        engine: Who starts a process for each.
        precision: What to compute in.
        compile: Whether to compile the model.
        max_time: How long to train at most, in seconds or as ``10m``.
        report_to: Where the training can be followed; ``[tensorboard, csv]`` or ``tensorboard,csv``.
        init_from: The run to begin from.

    Raises:
        ConfigError: If a key or a value cannot be used, if two places name different models, or if the
            learning rate waits longer for a plateau than training does.
        RunError: If there is no run to begin from.
        UnknownNameError: If a config, a model or a layer has a name that is not known.

    Example:
        >>> resolve_config(model="mlp", overrides=["max_epochs=3"]).max_epochs
        3
    """
    named = {
        "seed": seed,
        "batch_size": batch_size,
        "fanout": fanout,
        "temporal": temporal,
        "device": device,
        "devices": devices,
        "engine": engine,
        "precision": precision,
        "compile": compile,
        "max_time": max_time,
        "report_to": report_to,
        "init_from": None if init_from is None else os.fspath(init_from),
    }
    flags = {key: value for key, value in named.items() if value is not None}
    _check_flags(flags)
    base: dict[str, Any] = {}
    if model is not None and _is_path(model):
        base = _read(Path(model))
        model = _named(base)
    given = _given(config)
    assigned = override({}, overrides)
    parse(TrainConfig, assigned, where="--set")
    name = _model_name({"--model": model, "--config": _named(given), "--set": _named(assigned)})
    begun = _model_of(init_from or assigned.get("init_from") or given.get("init_from"))
    chosen = name or _named(begun)
    if base:
        base = _stack(begun, base)
    else:
        shipped_one = _read(find_config(chosen)) if chosen in config_names() else {}
        base = _stack(shipped_one, begun if chosen == _named(begun) else {})
    merged = _stack(_stack(base, given), assigned)
    if name is not None:
        merged = _merge(merged, {"model": {"name": name}})
    if batch_size == 0:
        # A fanout that comes with another config is that of its samples.
        merged.pop("fanout", None)
    merged |= flags
    resolved = parse(TrainConfig, merged, where="training config")
    check_names(resolved.model)
    _check_plateau(resolved)
    return resolved


def check_names(model: ModelConfig) -> None:
    """Make sure that the model and its layers are registered.

    Raises:
        UnknownNameError: If one is not; the message offers the nearest names.
    """
    MODELS.get(model.name, where="model.name")
    for position, layer in enumerate(model.layers or ()):
        LAYERS.get(layer.name, where=f"model.layers[{position}]")


def _check_flags(flags: Mapping[str, Any]) -> None:
    """Refuse what a flag gives by the name of the flag."""
    try:
        TrainConfig.model_validate(flags)
    except ValidationError as error:
        faults = faults_of(error, TrainConfig, where="")
        raise ConfigError.of(replace(fault, where=_flag(fault.where)) for fault in faults) from None


def _flag(place: str) -> str:
    """Return the flag that gives the value at a place.

    Example:
        >>> _flag("batch_size"), _flag("fanout.same_as[0]")
        ('--batch-size', '--fanout.same_as[0]')
    """
    key = re.split(r"\W", place, maxsplit=1)[0]
    return f"--{key.replace('_', '-')}{place.removeprefix(key)}"


def _check_plateau(config: TrainConfig) -> None:
    """Refuse a plateau that training never outlasts; two keys tell, and each may be from another place."""
    waits = config.optimiser.plateau_patience
    if config.optimiser.schedule == "plateau" and waits >= config.patience:
        raise ConfigError(
            f"got {waits}, but training stops after {counted(config.patience, 'epoch')} without a better one "
            "(patience), so the learning rate would never be lowered",
            where="optimiser.plateau_patience",
            fix="Set it lower, or patience higher.",
        )


def _is_path(text: str) -> bool:
    return Path(text).suffix in {".yaml", ".yml"} or os.sep in text


def _given(config: TrainConfig | str | Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    if isinstance(config, TrainConfig):
        return config.model_dump(exclude_unset=True)
    return _read(find_config(config))


def _read(file: Path) -> dict[str, Any]:
    """Return the mapping in a file, once it is clear that it holds nothing but a config's keys and values."""
    mapping = read_yaml(file)
    parse(TrainConfig, mapping, where=file.name)
    return mapping


def _model_of(run: str | Path | None) -> dict[str, Any]:
    """Return what the config of a run says about its model, for a training that begins from it."""
    if run is None:
        return {}
    from mmgraph.training.run_folder import read_record

    _, config = read_record(Path(run))
    return {"model": config.model.model_dump(mode="json", exclude_none=True)}


def _named(mapping: Mapping[str, Any]) -> str | None:
    name: str | None = (mapping.get("model") or {}).get("name")
    return name


def _model_name(places: Mapping[str, str | None]) -> str | None:
    """Return the one name that some places give, or ``None`` where none gives one; the default then holds."""
    named = {place: name for place, name in places.items() if name is not None}
    if len(set(named.values())) > 1:
        raise ConfigError(
            " but ".join(f"{place} names the model {name!r}" for place, name in named.items()),
            fix="Name one model.",
        )
    return next(iter(named.values()), None)


def _stack(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both configs in one; ``above`` wins.

    A list of layers takes the place of a named model's own, so options for those go with them.
    """
    merged = _merge(below, above)
    model = above.get("model") or {}
    if model.get("layers"):
        dropped = {"num_layers", "options"} - model.keys()
        merged["model"] = {key: value for key, value in merged["model"].items() if key not in dropped}
    return merged


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings in one; ``above`` wins, and mappings in them are merged in turn."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = _merge(inner, value)
        merged[key] = value
    return merged
