"""Modalities to feature vectors: describe all items, fit on the training ones, transform all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.counted import counted
from mmgraph.data.choice import Choice
from mmgraph.data.dataset import Dataset
from mmgraph.data.modalities import RawModality
from mmgraph.data.modality_spec import Storage
from mmgraph.elsewhere import Elsewhere
from mmgraph.encoders.broken_items import BrokenItemsError, broken_items
from mmgraph.encoders.build import encoder_name, modality_encoder
from mmgraph.encoders.cache import FeatureCache
from mmgraph.encoders.describe_elsewhere import describe_elsewhere
from mmgraph.encoders.description_of import description_of
from mmgraph.encoders.encoder import Encoder
from mmgraph.encoders.ragged import Ragged
from mmgraph.encoders.storage import rounded
from mmgraph.errors import ConfigError, DataError, Fault, MMGraphError
from mmgraph.progress import Progress


@dataclass(frozen=True, eq=False)
class Encoded:
    """The features of a modality, and the encoder that made them.

    Args:
        features: One row for each entity that has the modality, float32 [M, channels]; where less is kept of
            them, as they come back.
        encoder: Fitted on the training entities; it encodes new ones alike.
        item: Where an item has several rows, the item that each row is of, ascending, int64 [M].
        position: Where it has, the position of each row among those of its item, int64 [M].
    """

    features: npt.NDArray[np.float32]
    encoder: Encoder[Any, Any]
    item: npt.NDArray[np.int64] | None = None
    position: npt.NDArray[np.int64] | None = None


def encode_modality(
    dataset: Dataset,
    entity: str,
    modality: str,
    *,
    choice: Choice | None = None,
    cache: FeatureCache | None = None,
    progress: Progress | None = None,
    elsewhere: Elsewhere | None = None,
) -> Encoded:
    """Return the features of a modality, from an encoder that saw training entities only.

    Args:
        dataset: The dataset.
        entity: The entity type.
        modality: The modality.
        choice: An encoder and its parameters, instead of what ``dataset.yaml`` says; its features stay
            float32, whatever the modality's are kept as.
        cache: Where descriptions are kept; nothing to keep none.
        progress: Told what is going on.
        elsewhere: Who describes items, where that costs much; nothing where this process does.

    Raises:
        ConfigError: If there is no such entity type or modality, or its encoder cannot be used.
        DataError: If items cannot be read, or no training entity has the modality.
        MissingDependencyError: If the encoder needs a library that is not installed.
    """
    raw = dataset.modality(entity, modality)
    where = f"{dataset.file}: entities.{entity}.modalities.{modality}"
    own = choice is None
    storage = dataset.spec.storage_of(entity, modality)
    encoder = modality_encoder(dataset, entity, modality, choice)
    training = dataset.training_rows(entity)[raw.index]
    if not training.any():
        raise DataError(
            f"none of the {len(raw):,} entities that have this modality is a training one of every split, so "
            "that there is nothing to fit its encoder on",
            where=where,
            fix="Change the splits, or remove the modality.",
        )
    try:
        described = None
        while described is None:
            try:
                described = _described(
                    encoder, raw, storage, cache, progress or Progress(quiet=True), elsewhere
                )
            except BrokenItemsError as error:
                raw = left_out(error, raw, dataset, entity, modality)
        training = dataset.training_rows(entity)[raw.index]
        encoder.fit(
            described.values[training[described.item]]
            if isinstance(described, Ragged)
            else described[training]
        )
        return _encoded(encoder, described, len(raw), storage if own else "float32")
    except MMGraphError as error:
        raise _placed(error, where) from error


def left_out(
    error: BrokenItemsError, raw: RawModality, dataset: Dataset, entity: str, modality: str
) -> RawModality:
    """Return a modality without items that cannot be read, which the dataset leaves out from now on.

    An error names them by their rows and ids.

    Args:
        error: What the encoder said.
        raw: What it was to read.
        dataset: The dataset.
        entity: The entity type.
        modality: The modality.

    Raises:
        BrokenItemsError: If the dataset wants files that cannot be read to be errors, or no item is left.
    """
    if not error.problems:
        raise error
    broken = {int(raw.index[position]): problem for position, problem in error.problems.items()}
    none_left = len(set(raw.index)) == len(broken) and not dataset.additional
    if none_left or not dataset.may_skip(entity, modality):
        raise broken_items(error.problems, raw, dataset.entity_table(entity)) from None
    dataset.leave_out(entity, modality, broken)
    return dataset.modality(entity, modality)


def _encoded(encoder: Encoder[Any, Any], described: Any, num_items: int, storage: Storage) -> Encoded:
    """Return the features of descriptions, as they come back from where they are kept."""
    if not isinstance(described, Ragged):
        features = _checked(encoder, encoder.transform(described), num_items)
        return Encoded(rounded(features, storage), encoder)
    features = _checked(encoder, encoder.transform(described.values), len(described.values))
    return Encoded(rounded(features, storage), encoder, described.item, described.position)


def encode(
    encoder: Encoder[Any, Any],
    raw: RawModality,
    *,
    storage: Storage = "float32",
    cache: FeatureCache | None = None,
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Return the features of new items from an encoder that is fitted, float32 [M, channels].

    Of an encoder that describes an item by several rows, they are those of all rows.

    Args:
        encoder: The fitted encoder, e.g. from `load_encoder`.
        raw: The items, of the kind that it reads.
        storage: What descriptions are kept as; those that it was fitted on were kept alike.
        cache: Where descriptions are kept; nothing to keep none.
        progress: Told what is going on.

    Raises:
        ConfigError: If the items are of another kind, or the encoder is not fitted.
        DataError: If items cannot be read.
        MissingDependencyError: If the encoder needs a library that is not installed.
    """
    return encode_new(encoder, raw, storage=storage, cache=cache, progress=progress).features


def encode_new(
    encoder: Encoder[Any, Any],
    raw: RawModality,
    *,
    storage: Storage = "float32",
    cache: FeatureCache | None = None,
    progress: Progress | None = None,
) -> Encoded:
    """Return what :func:`encode` does, with the item and the position of each row where there are several.

    Args:
        encoder: The fitted encoder.
        raw: The items, of the kind that it reads.
        storage: What descriptions are kept as.
        cache: Where descriptions are kept; nothing to keep none.
        progress: Told what is going on.

    Raises:
        ConfigError: If the items are of another kind, or the encoder is not fitted.
        DataError: If items cannot be read.
        MissingDependencyError: If the encoder needs a library that is not installed.
    """
    if raw.kind != encoder.kind:
        raise ConfigError(
            f"got items of the kind {raw.kind!r}; wanted {encoder.kind!r}",
            where=type(encoder).__name__,
            fix="Give what the encoder was fitted on.",
        )
    described = _described(encoder, raw, storage, cache, progress or Progress(quiet=True))
    return _encoded(encoder, described, len(raw), "float32")


def _described(
    encoder: Encoder[Any, Any],
    raw: RawModality,
    storage: Storage,
    cache: FeatureCache | None,
    progress: Progress,
    elsewhere: Elsewhere | None = None,
) -> Any:
    if not encoder.cached:
        return description_of(encoder, raw, progress)

    def describe(some: RawModality) -> Any:
        # Whoever asks for parts tells of them.
        told = progress if cache is None else Progress(quiet=True)
        if elsewhere is None:
            return description_of(encoder, some, told)
        return describe_elsewhere(encoder, some, elsewhere, told)

    if cache is None:
        described = describe(raw)
        if isinstance(described, Ragged):
            return Ragged(rounded(described.values, storage), described.lengths)
        return rounded(described, storage)
    return cache.description(
        encoder,
        encoder_name(encoder),
        raw,
        describe,
        storage=storage,
        at_once=elsewhere is not None,
        progress=progress,
    )


def _checked(
    encoder: Encoder[Any, Any], features: npt.NDArray[Any], num_items: int
) -> npt.NDArray[np.float32]:
    """Return features that are what an encoder has to give; a user's own encoder may give anything."""
    name = type(encoder).__name__
    wanted = (num_items, encoder.channels)
    if features.dtype != np.float32 or features.shape != wanted:
        raise DataError(
            f"got {features.dtype} features of shape {features.shape}; wanted float32 {wanted}",
            where=name,
            fix="Mend the encoder's transform.",
        )
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        raise DataError(
            f"got features that are not finite for {len(broken):,} of {counted(num_items, 'item')}, first "
            f"item {broken[0] + 1}",
            where=name,
            fix="Mend the items or the encoder.",
        )
    return features


def _placed(error: MMGraphError, where: str) -> MMGraphError:
    """Return an error whose faults begin with the place of the modality."""
    return type(error).of(Fault(f"{where}: {f.where}", f.problem, f.fix) for f in error.faults)
