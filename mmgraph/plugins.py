"""Plugins: a user's own Python file that registers relations, layers, models, encoders or tasks."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from mmgraph.errors import ConfigError, UserError

_PREFIX = "mmgraph_plugin_"


def load_plugin(path: str | Path) -> ModuleType:
    """Run a Python file, so that what it registers can be named in YAML and on the command line.

    The file is the user's own code and runs with the user's rights. A file that is loaded already is not run
    again.

    Args:
        path: The ``.py`` file.

    Returns:
        The module that the file became.

    Raises:
        ConfigError: If there is no such Python file, or if it raises; the message names the line.

    Example:
        >>> load_plugin("my_relations.txt")
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: my_relations.txt: is no Python file. Name a file that ends in .py.
    """
    file = Path(path)
    if file.suffix != ".py":
        raise ConfigError("is no Python file", where=str(path), fix="Name a file that ends in .py.")
    if not file.is_file():
        raise ConfigError("there is no such file", where=str(path), fix="Check the path.")
    name = _module_name(file)
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # Registered before it runs: dataclasses and pydantic look a class's module up by name.
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _explained(error, file) from error
    return module


def loaded_plugins() -> list[str]:
    """Return the files of the plugins that are loaded, in their order."""
    return [str(module.__file__) for name, module in sys.modules.items() if name.startswith(_PREFIX)]


def _module_name(file: Path) -> str:
    """Return a name that differs between two plugins that share a file name."""
    digest = hashlib.blake2b(str(file.resolve()).encode(), digest_size=6).hexdigest()
    return f"{_PREFIX}{file.stem}_{digest}"


def _explained(error: BaseException, file: Path) -> ConfigError:
    """Return the error of a plugin as one that names the file, the line and what was raised."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return ConfigError(
            f"is not valid Python: {error.msg}", where=f"{file}, line {error.lineno}", fix="Mend the line."
        )
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file.resolve() and frame.lineno is not None
    ]
    where = f"{file}, line {lines[-1]}" if lines else str(file)
    if isinstance(error, UserError):
        return ConfigError(str(error), where=where)
    return ConfigError(
        f"raised {type(error).__name__}: {error}", where=where, fix="Mend the plugin, or leave it out."
    )
