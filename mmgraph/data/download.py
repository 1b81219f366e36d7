"""Downloads that are checked against a known hash and kept."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from mmgraph.atomic import atomic_write
from mmgraph.config import Config
from mmgraph.errors import DataError
from mmgraph.paths import inside
from mmgraph.progress import Progress

_AT_ONCE = 8
_TIMEOUT_S = 30.0


class Source(Config):
    """A file at a public address."""

    path: str = Field(description="Where the file goes, relative to the folder of the dataset's sources.")
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def download(sources: Sequence[Source], folder: Path, *, name: str, progress: Progress) -> Path:
    """Fetch the files that are not in ``folder`` yet, and return ``folder``.

    A file is put into its place only once its hash is right, so that whatever is there can be relied on.

    Args:
        sources: The files.
        folder: Where they are kept.
        name: The dataset, for messages.
        progress: Told about every file.

    Raises:
        DataError: If an address cannot be reached or gives something else than expected.
    """
    wanted = [(source, inside(folder, source.path, where=f"{name}: SOURCES")) for source in sources]
    missing = [(source, path) for source, path in wanted if not _is_there(source, path)]
    if missing:
        with (
            ThreadPoolExecutor(_AT_ONCE) as pool,
            progress.job(f"Download the sources of {name}", total=len(missing)) as advance,
        ):
            try:
                for _ in pool.map(lambda item: _fetch(*item, name=name), missing):
                    advance(1)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return folder


def _is_there(source: Source, path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256


def _fetch(source: Source, path: Path, *, name: str) -> None:
    try:
        # The pattern of Source.url admits no other scheme than http and https.
        with urllib.request.urlopen(source.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            content = answer.read()
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"cannot be fetched: {reason}",
            where=source.url,
            fix=f"Go online and try again (what has come is kept), or fetch the sources yourself and run "
            f"'mmgraph prepare {name} --source DIR'.",
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise DataError(
            f"gave a file with the SHA-256 {found}; wanted {source.sha256}",
            where=source.url,
            fix=f"The file has changed at its address: get the original one and run "
            f"'mmgraph prepare {name} --source DIR'.",
        )
    atomic_write(path, content)
