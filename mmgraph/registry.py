"""One registry for everything that can be named in YAML or on the command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from mmgraph.errors import ConfigError, UnknownNameError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind: built in, from installed packages, or registered by the user.

    Built-in ones are registered when ``builtins`` is imported, which happens at the first look-up.
    Installed packages offer more through the entry point group ``mmgraph.<plural>``.

    Args:
        kind: What the things are called in messages, e.g. ``layer``.
        builtins: The module whose import registers the built-in ones.
        group: The entry point group, e.g. ``mmgraph.layers``.

    Example:
        >>> shapes = Registry("shape", builtins="mmgraph.errors", group="mmgraph.shapes")
        >>> @shapes.register("circle")
        ... class Circle: ...
        >>> shapes.get("circle").__name__
        'Circle'
        >>> shapes.get("circel")
        Traceback (most recent call last):
        mmgraph.errors.UnknownNameError: there is no shape 'circel'. Did you mean 'circle'?
    """

    def __init__(self, kind: str, *, builtins: str, group: str) -> None:
        self.kind = kind
        self._builtins = builtins
        self._group = group
        self._things: dict[str, T] = {}
        self._broken: dict[str, ConfigError] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers a thing under ``name``.

        Raises:
            ConfigError: If another thing already has the name.
        """

        def decorator(thing: T) -> T:
            known = self._things.get(name)
            if known is not None and _origin(known) != _origin(thing):
                raise ConfigError(
                    f"the {self.kind} {name!r} is registered already, by {_origin(known)}",
                    where=_origin(thing),
                    fix="Choose another name.",
                )
            self._things[name] = thing
            return thing

        return decorator

    def get(self, name: str, *, where: str = "") -> T:
        """Return the thing registered under ``name``.

        Args:
            name: Its name.
            where: The key or option that holds the name, for messages.

        Raises:
            UnknownNameError: If there is none; the message offers the nearest names.
            ConfigError: If an installed package offers it, and cannot be loaded.
        """
        self._load()
        if name in self._broken:
            raise self._broken[name]
        if name not in self._things:
            raise UnknownNameError(
                f"there is no {self.kind} {name!r}", where=where, fix=did_you_mean(name, self._things)
            )
        return self._things[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        self._load()
        return sorted(self._things)

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield the pairs of name and thing, sorted by name."""
        self._load()
        yield from sorted(self._things.items())

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._things

    def _load(self) -> None:
        if self._loaded:
            return
        # Set first: what is being imported may look things up itself.
        self._loaded = True
        try:
            importlib.import_module(self._builtins)
            for entry in entry_points(group=self._group):
                if entry.name not in self._things:
                    self._add(entry)
        except BaseException:
            self._loaded = False
            raise

    def _add(self, entry: EntryPoint) -> None:
        """Add what an installed package offers; one that cannot be loaded stops only whoever asks for it."""
        package = "" if entry.dist is None else f" of the package {entry.dist.name}"
        try:
            thing = entry.load()
            if not callable(thing):
                raise TypeError(f"it is a {type(thing).__name__}, and no class or function")
            self._things[entry.name] = thing
        except Exception as error:
            self._broken[entry.name] = ConfigError(
                f"the {self.kind} {entry.name!r}{package} cannot be loaded: {type(error).__name__}: {error}",
                where=f"entry point {entry.value}",
                fix="Mend the package, or uninstall it.",
            )


def _origin(thing: object) -> str:
    module = getattr(thing, "__module__", type(thing).__module__)
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return f"{module}.{name}"


LAYERS: Registry[Any] = Registry("layer", builtins="mmgraph.layers", group="mmgraph.layers")
MODELS: Registry[Any] = Registry("model", builtins="mmgraph.models", group="mmgraph.models")
ENCODERS: Registry[Any] = Registry("encoder", builtins="mmgraph.encoders", group="mmgraph.encoders")
RELATIONS: Registry[Any] = Registry("relation", builtins="mmgraph.relations", group="mmgraph.relations")
TASKS: Registry[Any] = Registry("task", builtins="mmgraph.tasks", group="mmgraph.tasks")
