"""Fitted encoders on disk: JSON and safetensors, nothing pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mmgraph.atomic import atomic_folder
from mmgraph.encoders.build import encoder_name
from mmgraph.encoders.encoder import Encoder
from mmgraph.errors import GraphError, UnknownNameError, did_you_mean
from mmgraph.registry import ENCODERS

_FORMAT = 1
_STATE = "encoder.json"
_ARRAYS = "arrays.safetensors"
_REBUILD = "Build the graph anew."


def save_encoder(encoder: Encoder[Any, Any], folder: Path, *, overwrite: bool = False) -> None:
    """Write a fitted encoder into a folder; the same encoder gives the same bytes.

    Args:
        encoder: The encoder.
        folder: Where it shall be.
        overwrite: Replace an earlier encoder.

    Raises:
        ConfigError: If the encoder is not fitted, or not registered.
        UserError: If the folder is there already and must not be replaced.
    """
    state, arrays = encoder.state()
    content = {
        "format": _FORMAT,
        "encoder": encoder_name(encoder),
        "version": encoder.version,
        "state": state,
    }
    with atomic_folder(folder, marker=_STATE, overwrite=overwrite) as new:
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        (new / _STATE).write_text(text + "\n", encoding="utf-8")
        # safetensors writes the memory of a transposed array as if it were in order.
        (new / _ARRAYS).write_bytes(save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))


def load_encoder(folder: Path) -> Encoder[Any, Any]:
    """Return the fitted encoder that a folder holds; it transforms as the one that was saved, bit for bit.

    Args:
        folder: What `save_encoder` wrote.

    Raises:
        GraphError: If the folder holds no encoder, a damaged one, or one of another version.
        UnknownNameError: If the encoder is not registered here, e.g. because a plugin is missing.
    """
    file = folder / _STATE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        arrays = load((folder / _ARRAYS).read_bytes())
        name, version, state = str(content["encoder"]), content["version"], content["state"]
        written_as = content["format"]
    except FileNotFoundError as error:
        raise GraphError("there is no such file", where=str(error.filename), fix=_REBUILD) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise GraphError(f"the encoder is damaged: {error!r}", where=str(folder), fix=_REBUILD) from None
    if written_as != _FORMAT:
        raise GraphError(
            f"has format {written_as}; this version reads format {_FORMAT}", where=str(file), fix=_REBUILD
        )
    if name not in ENCODERS:
        raise UnknownNameError(
            f"there is no encoder {name!r}",
            where=str(file),
            fix=f"{did_you_mean(name, ENCODERS.names())} If a plugin has it, load it (--plugin FILE).",
        )
    found: type[Encoder[Any, Any]] = ENCODERS.get(name)
    if found.version != version:
        raise GraphError(
            f"was fitted by version {version} of the encoder {name!r}; this is version {found.version}",
            where=str(file),
            fix=_REBUILD,
        )
    try:
        return found.from_state(state, arrays, where=f"{file}: state.parameters")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise GraphError(f"the encoder is damaged: {error!r}", where=str(folder), fix=_REBUILD) from None
