"""Raw files to features, without a graph: what is encoded once waits in the cache for whatever comes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.counted import counted
from mmgraph.data.dataset import Dataset
from mmgraph.data.modalities import RawModality
from mmgraph.elsewhere import elsewhere_on
from mmgraph.encoders.build import encoder_faults, encoder_name, modality_encoder
from mmgraph.encoders.cache import FeatureCache
from mmgraph.encoders.encode import encode_modality
from mmgraph.encoders.placement import choose_placement, placed
from mmgraph.errors import ConfigError, DataError, Faults, MMGraphError, did_you_mean
from mmgraph.progress import Progress


@dataclass(frozen=True)
class Extraction:
    """What became of a modality.

    Args:
        modality: Its node type, e.g. ``glyph/sans``.
        encoder: The name of its encoder.
        items: How many entities have it, or how many elements its sequences have.
        distinct: How many of the items differ.
        encoded: How many were encoded now; the others were in the cache. An encoder whose descriptions cost
            less than reading them encodes all, each time.
        channels: The width of its features.
        seconds: How long it took.
        skipped: Why a file was skipped, by the id of its entity.
    """

    modality: str
    encoder: str
    items: int
    distinct: int
    encoded: int
    channels: int
    seconds: float
    skipped: dict[str, str]


def extract(
    dataset: Dataset,
    modalities: Sequence[str] | None = None,
    *,
    cache: FeatureCache | None = None,
    engine: str = "local",
    workers: int = 1,
    device: str | None = None,
    precision: str | None = None,
    progress: Progress | None = None,
) -> list[Extraction]:
    """Encode modalities of a dataset, and keep what was made of each item.

    A graph that is built later finds it, as does this function itself: an item that was there before, in
    whatever dataset, is not encoded again. Whatever a kill interrupts goes on where it was. Files that cannot
    be read are told together at the end, when all others have been encoded; with ``on_error: skip`` there
    is no error.

    Args:
        dataset: From :func:`load_dataset`.
        modalities: Their node types, e.g. ``glyph/sans``; nothing for all.
        cache: Where features are kept; nothing for mmgraph's own folder.
        engine: ``local``, or ``ray`` for the workers of a Ray cluster.
        workers: How many of those.
        device: Where pre-trained models compute: ``auto`` for a GPU where there is one, ``cpu``, ``cuda`` or
            e.g. ``cuda:1``; nothing for what ``MMGRAPH_DEVICE`` says, or else ``auto``.
        precision: What they compute in: ``32`` or ``bf16-mixed``; nothing for ``bf16-mixed`` on a GPU that
            has it, and ``32`` elsewhere.
        progress: Told what is going on.

    Raises:
        ConfigError: If there is no such modality, device or precision, or workers are wanted that are not of
            a cluster.
        DataError: If items cannot be read, or an encoder cannot be used; all faults at once.

    Example:
        >>> extract(load_dataset("glyphs"), ["glyph/sans"])  # doctest: +SKIP
    """
    if engine == "local" and workers > 1:
        raise ConfigError(
            f"got {workers:,}, but this machine encodes in threads on all of its cores",
            where="--workers",
            fix="Leave it out, or add --engine ray.",
        )
    known = {f"{e}/{m}": (e, m) for e, spec in dataset.spec.entities.items() for m in spec.modalities}
    for name in modalities or ():
        if name not in known:
            raise ConfigError(
                f"there is no modality {name!r}",
                where=f"{dataset.file}: entities",
                fix=did_you_mean(name, known),
            )
    chosen, faults, found = list(dict.fromkeys(modalities or known)), Faults(), []
    faults.found += [f for f in encoder_faults(dataset) if modalities is None or _is_of(f.where, chosen)]
    faults.raise_if_any(DataError)
    kept, progress = cache or FeatureCache(), progress or Progress(quiet=True)
    where = choose_placement(device, precision, engine=engine)
    with placed(where), elsewhere_on(engine, workers, dataset.folder) as elsewhere:
        for name in chosen:
            try:
                found.append(_extraction(dataset, *known[name], kept, progress, elsewhere))
            except MMGraphError as error:
                faults.extend(error)
    faults.raise_if_any(DataError)
    return found


def _distinct(raw: RawModality) -> int:
    """Return how many texts, rows of tables or vectors differ, of an encoder that keeps no cache."""
    if isinstance(raw.values, pd.DataFrame):
        return len(raw.values.drop_duplicates())
    if isinstance(raw.values, np.ndarray):
        # Hashes, as the rows themselves may be more than memory holds.
        return len({hash(row.tobytes()) for row in raw.values})
    return len({str(value) for value in raw.values})


def _is_of(where: str, modalities: Sequence[str]) -> bool:
    """Return whether the place of an encoder is in one of some modalities."""
    return any(f"entities.{name.replace('/', '.modalities.')}." in f"{where}." for name in modalities)


def _extraction(
    dataset: Dataset, entity: str, modality: str, cache: FeatureCache, progress: Progress, elsewhere: Any
) -> Extraction:
    begun = time.monotonic()
    ids, encoder = dataset.entity_ids(entity), modality_encoder(dataset, entity, modality)
    before = cache.made
    result = encode_modality(dataset, entity, modality, cache=cache, progress=progress, elsewhere=elsewhere)
    # What the encoder cannot read has been left out by now.
    raw = dataset.modality(entity, modality)
    # With items that cannot be read, the cache was asked again for the others.
    described = cache.made - before if encoder.cached else len(raw)
    distinct = cache.distinct if encoder.cached else _distinct(raw)
    name = f"{entity}/{modality}"
    progress.say(f"{name}: {counted(len(raw), 'item')}, {described:,} encoded now")
    return Extraction(
        modality=name,
        encoder=encoder_name(encoder),
        items=len(raw),
        distinct=distinct,
        encoded=described,
        channels=result.encoder.channels,
        seconds=time.monotonic() - begun,
        skipped={ids[row]: problem for row, problem in raw.skipped.items()},
    )
