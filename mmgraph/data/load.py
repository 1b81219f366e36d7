"""Datasets by name or path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmgraph.data.dataset import Dataset
from mmgraph.data.graphstorm.prepare import prepare_graphstorm
from mmgraph.data.prepare import MARKER, Recipe, prepare_dataset, prepared_folder, shipped_names
from mmgraph.data.spec import read_spec
from mmgraph.errors import ConfigError, DataError, UnknownNameError, UserError, did_you_mean
from mmgraph.paths import home, shipped
from mmgraph.progress import Progress


def load_dataset(
    name_or_path: str | Path, *, overrides: Sequence[str] = (), progress: Progress | None = None
) -> Dataset:
    """Open a dataset.

    Args:
        name_or_path: A folder that holds a ``dataset.yaml``, such a file itself, or the name of a dataset
            that is shipped or has been prepared. A shipped one that needs no source files is prepared on the
            spot, and so is a construction file of GraphStorm's, ``construct.json``.
        overrides: ``key.path=value`` assignments that go over what ``dataset.yaml`` says.
        progress: Told what is going on.

    Returns:
        The dataset. Its tables and files are read when they are asked for.

    Raises:
        UnknownNameError: If there is no such dataset; the message offers the nearest names.
        ConfigError: If ``dataset.yaml`` cannot be used, with all of its faults.
        DataError: If the dataset has to be prepared first, or cannot be.
    """
    file = spec_file(name_or_path, progress=progress)
    return Dataset(read_spec(file, overrides=overrides), file.parent, file=file)


def spec_file(name_or_path: str | Path, *, progress: Progress | None = None) -> Path:
    """Return the ``dataset.yaml`` of a dataset, which is prepared on the spot if that needs no source files.

    Args:
        name_or_path: As for `load_dataset`.
        progress: Told what is going on.

    Raises:
        UnknownNameError: If there is no such dataset.
        ConfigError: If there is a folder without ``dataset.yaml``.
        DataError: If the dataset has to be prepared first, or cannot be.
    """
    path = Path(name_or_path).expanduser()
    recipe = path.resolve().parent == shipped("datasets").resolve() and path.name in shipped_names()
    if path.is_file():
        return prepare_graphstorm(path, progress=progress) / MARKER if path.suffix == ".json" else path
    if (path / MARKER).is_file() and not recipe:
        return path / MARKER
    if recipe or (path.name == str(name_or_path) and (path.name in _known_names() or not path.exists())):
        return _by_name(path.name, progress or Progress(quiet=True)) / MARKER
    if path.is_dir():
        raise ConfigError(
            f"the folder holds no {MARKER}", where=str(path), fix="Add one, or give the folder that has one."
        )
    raise ConfigError(
        "there is no such file or folder", where=str(path), fix="Check the path, or give a dataset's name."
    )


def _known_names() -> list[str]:
    """Return the names of all datasets that are shipped or prepared, sorted."""
    prepared = (path.parent.name for path in (home() / "datasets").glob(f"*/{MARKER}"))
    return sorted({*shipped_names(), *prepared})


def _by_name(name: str, progress: Progress) -> Path:
    folder = prepared_folder(name)
    ready = (folder / MARKER).is_file()
    if name not in shipped_names():
        if ready:
            return folder
        raise UnknownNameError(f"there is no dataset {name!r}", fix=did_you_mean(name, _known_names()))
    recipe = Recipe(name)
    if recipe.made(folder):
        return folder
    if not recipe.needs_source:
        return _prepare_on_the_spot(name, folder, overwrite=ready, progress=progress)
    if not ready:
        raise DataError(
            f"the dataset {name!r} is not prepared yet",
            fix=f"Run 'mmgraph prepare {name} --source DIR', or without --source to download its files.",
        )
    progress.say(
        f"The dataset {name} in {folder} was prepared by another version of mmgraph; "
        f"'mmgraph prepare {name} --overwrite' prepares it anew."
    )
    return folder


def _prepare_on_the_spot(name: str, folder: Path, *, overwrite: bool, progress: Progress) -> Path:
    progress.say(f"Prepare the dataset {name} in {folder}")
    try:
        return prepare_dataset(name, overwrite=overwrite, progress=progress)
    except UserError:
        # Another process may have prepared it in the meantime.
        if not overwrite and Recipe(name).made(folder):
            return folder
        raise
