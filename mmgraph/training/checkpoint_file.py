"""A checkpoint on disk: the newest and the one before it, whole or not at all, and nothing unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import CheckpointIO

from mmgraph.atomic import atomic_file
from mmgraph.errors import RunError


class CheckpointFile(CheckpointIO):
    """Writes and reads the checkpoints of Lightning's trainer.

    Lightning's own way keeps one checkpoint, does not wait for the disk, makes its temporary file where
    fsspec sees fit, which a killed process leaves there, and unpickles anything unless each call forbids it.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ARG002 - Lightning's signature
    ) -> None:
        """Write a checkpoint; the one that was there becomes the one before it.

        Raises:
            RunError: If it cannot be written; those that are there stay.
        """
        path = Path(path)
        try:
            with atomic_file(path, sync=True) as file:
                torch.save(checkpoint, file)
                # As late as can be: a kill between the two renames leaves the earlier one alone.
                if path.exists():
                    path.replace(earlier(path))
        except (OSError, RuntimeError) as error:
            raise RunError(
                f"the checkpoint cannot be written: {error}",
                where=str(path),
                fix="Make room on that disk.",
            ) from None

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable[..., Any] | None = None,  # noqa: ARG002 - Lightning's signature
        weights_only: bool | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return a checkpoint, its tensors on the CPU."""
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return checkpoint

    def take_back(self, path: Path) -> None:
        """Remove the newest checkpoint; the one before it, if there is one, becomes the newest."""
        if earlier(path).exists():
            earlier(path).replace(path)
        else:
            path.unlink(missing_ok=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint and the one before it."""
        for file in (Path(path), earlier(Path(path))):
            file.unlink(missing_ok=True)


def earlier(path: Path) -> Path:
    """Return where the checkpoint before the newest is.

    Example:
        >>> earlier(Path("run.unfinished/checkpoint.pt")).name
        'checkpoint.before.pt'
    """
    return path.with_name(f"{path.stem}.before{path.suffix}")


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint has every byte that was written, by the checksums in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
