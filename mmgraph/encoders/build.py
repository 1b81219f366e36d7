"""The encoder that ``dataset.yaml`` asks for, or the one that suits the kind of modality."""

from __future__ import annotations

from typing import Any

from mmgraph.data.choice import Choice
from mmgraph.data.dataset import Dataset
from mmgraph.data.modality_spec import PairModality
from mmgraph.encoders.encoder import Encoder
from mmgraph.errors import ConfigError, Fault, Faults, MMGraphError
from mmgraph.registry import ENCODERS

DEFAULTS = {
    "text": "tfidf",
    "image": "hog",
    "audio": "log_mel",
    "video": "frames",
    "regions": "regions",
    "tabular": "columns",
    "features": "standardise",
}
"""The encoder of each kind of modality, where ``dataset.yaml`` names none."""

KINDS = (*DEFAULTS, "pair")
"""All kinds of modalities; for a pair the encoder must be named."""


def build_encoder(choice: Choice | None, kind: str, *, where: str) -> Encoder[Any, Any]:
    """Return an encoder that is not fitted yet.

    Args:
        choice: Its name and parameters; nothing for the default of the kind.
        kind: The kind of modality that it shall read.
        where: The place of ``choice``, e.g. ``dataset.yaml: entities.glyph.modalities.sans.encoder``.

    Raises:
        UnknownNameError: If there is no such encoder.
        ConfigError: If it reads another kind of modality, or parameters cannot be used.

    Example:
        >>> build_encoder(Choice(name="hog", size=48), "image", where="dataset.yaml")
        HOG(components=128, size=48, cells=4, colour=True)
    """
    name, parameters = (choice.name, choice.parameters) if choice else (DEFAULTS[kind], {})
    found: type[Encoder[Any, Any]] = ENCODERS.get(name, where=where)
    if found.kind != kind:
        fitting = [other for other, encoder in ENCODERS.items() if encoder.kind == kind]
        raise ConfigError(
            f"the encoder {name!r} reads {found.kind}; the modality is {kind}",
            where=where,
            fix=f"Use {' or '.join(fitting)}{', or leave the encoder out' if kind in DEFAULTS else ''}.",
        )
    return found.from_config(parameters, where=where)


def modality_encoder(
    dataset: Dataset, entity: str, modality: str, choice: Choice | None = None, *, where: str | None = None
) -> Encoder[Any, Any]:
    """Return an encoder for a modality of a dataset, not fitted yet.

    Args:
        dataset: The dataset.
        entity: The entity type.
        modality: The modality.
        choice: An encoder and its parameters, instead of what ``dataset.yaml`` says.
        where: The place of ``choice``, if it is given.

    Raises:
        UnknownNameError: If there is no such encoder.
        ConfigError: If it reads another kind of modality, or parameters cannot be used.
    """
    described = dataset.spec.entities[entity].modalities
    spec, at = described[modality], f"{dataset.file}: entities.{entity}.modalities.{modality}"
    encoder = build_encoder(choice or spec.encoder, spec.kind, where=where or f"{at}.encoder")
    if isinstance(spec, PairModality):
        kinds = [described[name].kind for name in spec.inputs]
        if any(kind not in wanted for kind, wanted in zip(kinds, encoder.reads, strict=False)):
            wanted = " and ".join(" or ".join(fitting) for fitting in encoder.reads)
            raise ConfigError(
                f"got {' and '.join(kinds)}; {encoder_name(encoder)} reads {wanted}, in this order",
                where=f"{at}.inputs",
                fix="Name modalities of these kinds in this order, or take another encoder.",
            )
    return encoder


def encoder_faults(dataset: Dataset) -> list[Fault]:
    """Return what is wrong with the encoders that ``dataset.yaml`` names: their names, kinds and parameters.

    Args:
        dataset: The dataset.
    """
    faults = Faults()
    for entity, entity_spec in dataset.spec.entities.items():
        for modality in entity_spec.modalities:
            try:
                modality_encoder(dataset, entity, modality)
            except MMGraphError as error:
                faults.extend(error)
    return faults.found


def encoder_name(encoder: Encoder[Any, Any]) -> str:
    """Return the name that an encoder is registered under.

    Raises:
        ConfigError: If it is not registered.
    """
    for name, registered in ENCODERS.items():
        if registered is type(encoder):
            return name
    raise ConfigError(
        "the encoder is not registered, so that a graph could not name it",
        where=type(encoder).__name__,
        fix='Put @ENCODERS.register("name") above the class.',
    )
