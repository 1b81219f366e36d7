"""The encoder that ``dataset.yaml`` asks for, or the one that suits the kind of modality."""

from __future__ import annotations

from typing import Any

from mmgraph.data.dataset import Dataset
from mmgraph.data.spec import Choice
from mmgraph.encoders.encoder import Encoder
from mmgraph.errors import ConfigError, Fault, Faults, MMGraphError
from mmgraph.registry import ENCODERS

DEFAULTS = {
    "text": "tfidf",
    "image": "hog",
    "audio": "log_mel",
    "video": "frames",
    "tabular": "columns",
    "features": "standardise",
}
"""The encoder of each kind of modality, where ``dataset.yaml`` names none."""


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
            fix=f"Use {' or '.join(fitting)}, or leave the encoder out.",
        )
    return found.from_config(parameters, where=where)


def encoder_faults(dataset: Dataset) -> list[Fault]:
    """Return what is wrong with the encoders that ``dataset.yaml`` names: their names, kinds and parameters.

    Args:
        dataset: The dataset.
    """
    faults = Faults()
    for entity, entity_spec in dataset.spec.entities.items():
        for modality, spec in entity_spec.modalities.items():
            where = f"{dataset.file}: entities.{entity}.modalities.{modality}.encoder"
            try:
                build_encoder(spec.encoder, spec.kind, where=where)
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
