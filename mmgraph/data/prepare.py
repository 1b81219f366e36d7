"""Shipped datasets: each has a recipe, ``prepare.py``, that makes its files from sources or from nothing."""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from mmgraph.atomic import atomic_folder, atomic_write
from mmgraph.config import parse
from mmgraph.data.dataset import Dataset
from mmgraph.data.dataset_faults import dataset_faults
from mmgraph.data.download import Source, download
from mmgraph.data.graphstorm.prepare import prepare_graphstorm
from mmgraph.data.spec import read_spec
from mmgraph.errors import ConfigError, DataError, Fault, UnknownNameError, did_you_mean
from mmgraph.hashing import Hasher
from mmgraph.paths import home, shipped
from mmgraph.progress import Progress

MARKER = "dataset.yaml"
"""The file that makes a folder a dataset."""
CHECKSUMS = "checksums.txt"
"""The file that says which source files a dataset is made from, where it is made from any."""
STAMP = "prepared.json"
"""The file that says which recipe a prepared folder comes from."""


def shipped_names() -> list[str]:
    """Return the names of the shipped datasets, sorted."""
    return sorted(path.parent.name for path in shipped("datasets").glob(f"*/{MARKER}"))


def prepared_folder(name: str) -> Path:
    """Return where a dataset goes when it is prepared without saying where."""
    return home() / "datasets" / name


def prepare_dataset(
    name: str | Path,
    *,
    source: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Make a shipped dataset ready, or one that GraphStorm's construction file describes; return its folder.

    Args:
        name: The dataset, or the path of a ``construct.json``, which needs no source.
        source: The folder with its source files. Without it they are downloaded, where the dataset needs any,
            and kept.
        out: Where the dataset goes; by default where `load_dataset` finds it by its name.
        overwrite: Replace what was prepared before.
        progress: Told what is going on.

    Raises:
        UnknownNameError: If there is no such dataset.
        DataError: If a source is missing, cannot be fetched or cannot be used.
        UserError: If ``out`` is there already.
    """
    progress = progress or Progress(quiet=True)
    name, out = str(name), None if out is None else Path(out)
    if name.endswith(".json") and source is None:
        return prepare_graphstorm(Path(name), out=out, overwrite=overwrite, progress=progress)
    recipe = Recipe(name)
    folder = out if out is not None else prepared_folder(name)
    with atomic_folder(folder, marker=MARKER, overwrite=overwrite) as new:
        recipe.make(new, None if source is None else Path(source), progress)
    return folder


class Recipe:
    """How a shipped dataset is made: its ``dataset.yaml`` and its ``prepare.py``.

    Args:
        name: The dataset.

    Raises:
        UnknownNameError: If there is no such dataset.
    """

    def __init__(self, name: str) -> None:
        if name not in shipped_names():
            raise UnknownNameError(
                f"there is no shipped dataset {name!r}", fix=did_you_mean(name, shipped_names())
            )
        self.name = name
        self._folder = shipped("datasets") / name

    @property
    def needs_source(self) -> bool:
        """Whether the dataset is made from source files; else it is made from nothing."""
        return bool(self._module.NEEDS_SOURCE)

    @functools.cached_property
    def _module(self) -> ModuleType:
        """The recipe's code, loaded when it is needed: it may import what draws and reads pictures."""
        return _load(self._folder / "prepare.py", self.name)

    def hash(self) -> str:
        """Return the hash of the recipe: of every file that says what the dataset holds."""
        hasher = Hasher()
        for name in (MARKER, "prepare.py", CHECKSUMS):
            if (self._folder / name).is_file():
                hasher.file(self._folder / name)
        return hasher.hexdigest()

    def made(self, folder: Path) -> bool:
        """Return whether ``folder`` was made by this very recipe."""
        try:
            stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(stamp, dict) and stamp.get("recipe") == self.hash()

    def make(self, out: Path, source: Path | None, progress: Progress) -> None:
        """Write the dataset into ``out``, an empty folder, and check what was written.

        Raises:
            DataError: If a source is missing, cannot be fetched or cannot be used.
        """
        if self.needs_source:
            source = self._source(source, progress)
        try:
            self._module.prepare(out, source, progress)
        except FileNotFoundError as error:
            raise DataError(
                "there is no such source file",
                where=str(error.filename),
                fix=f"Check that --source is the folder with the source files of {self.name}.",
            ) from None
        shutil.copyfile(self._folder / MARKER, out / MARKER)
        stamp = {"dataset": self.name, "recipe": self.hash()}
        atomic_write(out / STAMP, json.dumps(stamp, sort_keys=True) + "\n")
        faults = dataset_faults(Dataset(read_spec(out / MARKER), out), open_files=False)
        if faults:
            # The folder is gone when the user reads this: name its files without it.
            raise DataError.of(
                Fault(fault.where.replace(f"{out}/", ""), fault.problem.replace(f"{out}/", ""), fault.fix)
                for fault in faults
            )

    def _source(self, source: Path | None, progress: Progress) -> Path:
        """Return the folder with the source files, downloaded unless the user has them."""
        if source is not None:
            if not source.is_dir():
                raise DataError(
                    "there is no such folder", where=str(source), fix="Check the path after --source."
                )
            return source
        sources = self._sources()
        if not sources:
            raise DataError(
                f"the dataset {self.name!r} is made from source files",
                fix=f"Run 'mmgraph prepare {self.name} --source DIR'.",
            )
        return download(sources, home() / "downloads" / self.name, name=self.name, progress=progress)

    def _sources(self) -> list[Source]:
        where = str(self._folder / "prepare.py")
        listed: list[dict[str, Any]] = getattr(self._module, "SOURCES", [])
        return [parse(Source, item, where=f"{where}: SOURCES[{i}]") for i, item in enumerate(listed)]


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mmgraph_dataset_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError("there is no such file", where=str(path), fix="Reinstall mmgraph.")
    module = importlib.util.module_from_spec(spec)
    # A dataclass in the recipe looks its module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
