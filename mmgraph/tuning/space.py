"""Search spaces: which keys of a config a study varies, from YAML, checked before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from mmgraph.config import Config, kinds_of, override, parse, read_yaml
from mmgraph.errors import ConfigError, Faults, UnknownNameError, did_you_mean
from mmgraph.models.layer_choice import check_options
from mmgraph.paths import shipped
from mmgraph.registry import MODELS
from mmgraph.training.config import ModelConfig, TrainConfig
from mmgraph.tuning.parameter import Parameter, Value

# A study compares configs, not luck; and which model it is decides what the other keys are.
_FIXED = ("seed", "model.name", "model.layers")
_OPTION = "model.options."
_OF_NAMED_MODELS = ("model.num_layers", _OPTION)


class SpaceFile(Config):
    """The content of a search space's YAML file."""

    extends: str | None = Field(default=None, description="A space whose parameters it has as well.")
    parameters: dict[str, Parameter | None] = Field(
        description="Config keys, each with its values; nothing takes away what `extends` brings."
    )


@dataclass(frozen=True)
class SearchSpace:
    """Config keys and the values that each may have.

    Args:
        name: Where it came from, for messages.
        parameters: The values by config key, e.g. ``optimiser.lr``.

    Raises:
        ConfigError: If a key is none of a config's, or cannot have one of its values.

    Example:
        >>> space = SearchSpace("mine", {"model.dropout": Parameter(low=0.0, high=0.5)})
        >>> space.is_integer("model.dropout")
        False
    """

    name: str
    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        faults = Faults()
        for key, parameter in self.parameters.items():
            if key in _FIXED:
                faults.add(
                    self._where(key), "is nothing that a study can vary", "Use --set or --model for it."
                )
                continue
            for value in parameter.ends():
                try:
                    parse(TrainConfig, nested({key: value}), where=f"{self.name}: parameters")
                except ConfigError as error:
                    faults.extend(error)
                    break
        faults.raise_if_any(ConfigError)
        if not self.parameters:
            raise ConfigError("there is nothing to vary", where=self.name, fix="Name at least one parameter.")

    def is_integer(self, key: str) -> bool:
        """Return whether a range holds integers alone: its key takes no others, or leaves it to the ends."""
        kinds = _kinds(key) & {int, float}
        if kinds:
            return kinds == {int}
        return all(isinstance(end, int) for end in self.parameters[key].ends())

    def without(self, keys: set[str]) -> SearchSpace:
        """Return the space without some keys.

        Raises:
            ConfigError: If nothing is left.
        """
        return SearchSpace(self.name, {k: p for k, p in self.parameters.items() if k not in keys})

    def check_model(self, model: ModelConfig) -> None:
        """Make sure that all keys that belong to a named model belong to this one.

        Raises:
            ConfigError: If the model has no such option, or has a list of layers instead.
        """
        faults = Faults()
        of_named = [key for key in self.parameters if key.startswith(_OF_NAMED_MODELS)]
        if model.layers is not None:
            for key in of_named:
                faults.add(
                    self._where(key), "belongs to a named model, but the config gives layers", "Leave it out."
                )
            faults.raise_if_any(ConfigError)
            return
        recipe = MODELS.get(model.name, where="model.name")
        for key in of_named:
            option = key.removeprefix(_OPTION).removeprefix("model.")
            try:
                check_options(f"the model {model.name!r}", recipe, {option: None}, where=self._where(key))
            except ConfigError as error:
                faults.extend(error)
        faults.raise_if_any(ConfigError)

    def to_json(self) -> dict[str, Any]:
        """Return the values by config key, as a YAML file has them."""
        return {
            key: parameter.model_dump(mode="json", exclude_unset=True)
            for key, parameter in self.parameters.items()
        }

    def _where(self, key: str) -> str:
        return f"{self.name}: parameters.{key}"


def space_names() -> list[str]:
    """Return the names of the shipped search spaces."""
    return sorted(file.stem for file in _folder().glob("*.yaml"))


def find_space(name_or_path: str | Path) -> SearchSpace:
    """Return a search space: of a YAML file, or a shipped one by its name, which is that of its model.

    Raises:
        UnknownNameError: If it is a name, and no shipped space has it.
        ConfigError: If the file, or one that it extends, cannot be used.

    Example:
        >>> "optimiser.lr" in find_space("hetero_gat").parameters
        True
    """
    text = os.fspath(name_or_path)
    merged: dict[str, Parameter] = {}
    for content in reversed(list(_with_extended(text))):
        for key, parameter in content.parameters.items():
            if parameter is None:
                merged.pop(key, None)
            else:
                merged[key] = parameter
    return SearchSpace(Path(text).name, merged)


def nested(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return values by dotted key as a config has them.

    Example:
        >>> nested({"model.heads": 2, "model.options.aggr": "max", "max_epochs": 3})
        {'model': {'heads': 2, 'options': {'aggr': 'max'}}, 'max_epochs': 3}
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        at = result
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return result


def assigned_keys(overrides: Sequence[str]) -> set[str]:
    """Return the dotted keys that assignments set, which a study leaves as they are.

    Example:
        >>> sorted(assigned_keys(["model.heads=8", "seed=1"]))
        ['model.heads', 'seed']
    """
    return _leaves(override({}, overrides))


def _leaves(mapping: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in mapping.items():
        found |= _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
    return found


def _folder() -> Path:
    return shipped("configs") / "search_spaces"


def _with_extended(name_or_path: str) -> Iterator[SpaceFile]:
    """Yield a space's file, and then the ones that it extends."""
    seen: list[Path] = []
    beside: Path | None = None
    wanted: str | None = name_or_path
    while wanted is not None:
        file = _find(wanted, beside)
        if file in seen:
            raise ConfigError(f"{wanted!r} extends itself", where=str(seen[-1]), fix="Mend `extends`.")
        seen.append(file)
        content = parse(SpaceFile, read_yaml(file), where=file.name)
        yield content
        wanted, beside = content.extends, file.parent


def _find(name_or_path: str, beside: Path | None) -> Path:
    """Return the file of a space; a path in another space's file starts beside that file."""
    if Path(name_or_path).suffix in {".yaml", ".yml"} or os.sep in name_or_path:
        return (beside or Path()) / name_or_path
    file = _folder() / f"{name_or_path}.yaml"
    if not file.is_file():
        raise UnknownNameError(
            f"there is no search space {name_or_path!r}",
            where="--space",
            fix=did_you_mean(name_or_path, space_names()),
        )
    return file


def _kinds(key: str) -> set[Any]:
    """Return the types that a config key takes; anything for what a model's options take."""
    model: Any = TrainConfig
    for part in key.split("."):
        if not hasattr(model, "model_fields"):
            return {Any}
        annotation = model.model_fields[part].annotation
        model = annotation
    return kinds_of(annotation)
