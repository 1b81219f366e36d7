"""Pre-trained encoders as a part of a model: which are trained, what they read, and what became of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmgraph.encoders import TrainableEncoder
from mmgraph.encoders.fine_tuned import FineTuned
from mmgraph.errors import ConfigError
from mmgraph.graph.graph import Graph
from mmgraph.graph.lazy import LazyMapping
from mmgraph.models import MultimodalModel
from mmgraph.training.config import TrainConfig
from mmgraph.training.encoder_config import USUAL_LORA_RATE, USUAL_RATE


def add_encoders(model: MultimodalModel, view: Graph, config: TrainConfig) -> dict[str, float]:
    """Make the encoders that shall be trained a part of a model.

    Args:
        model: The model, without encoders.
        view: The graph as the model sees it.
        config: The config. With noise for features there is nothing for an encoder to read.

    Returns:
        By node type, the learning rate of its encoder; nothing of those that stay as they are.

    Raises:
        ConfigError: If encoders shall be trained, and the graph keeps for none of them what it reads.
        DataError: If a pre-trained model cannot be found or loaded.
        MissingDependencyError: If a library is not installed.
    """
    options = config.encoders
    if options.trainable is False or config.features == "noise":
        return {}
    read = [name for name in view.inputs if name in model.projection.linear]
    if options.trainable and not read:
        raise ConfigError(
            f"got {options.trainable!r}, but the model reads no modality for which the graph keeps what an "
            "encoder reads",
            where="encoders.trainable",
            fix="Build the graph with `trainable: true` at the encoder of a modality in dataset.yaml, which "
            "text_transformer, sentence_transformer and image_transformer take.",
        )
    rates = {}
    for name in read:
        encoder = view.encoders[name]
        assert isinstance(encoder, TrainableEncoder), "no other encoder has inputs"
        how = encoder.trainable if options.trainable is None else options.trainable
        model.encoders[name] = FineTuned(
            encoder,
            _tensor(view.inputs[name][:1]),
            lora_rank=options.lora_rank if how == "lora" else 0,
            lora_alpha=options.lora_alpha,
            batch_size=options.batch_size,
        )
        rates[name] = options.lr or (USUAL_LORA_RATE if how == "lora" else USUAL_RATE)
    return rates


def reading_inputs(view: Graph, model: MultimodalModel) -> Graph:
    """Return a graph that has for the encoders of a model what they read, in the place of features.

    Args:
        view: The graph as the model sees it.
        model: The model.
    """
    names = [name for name in view.inputs if name in model.encoders]
    return view.with_features({name: view.inputs[name] for name in names}) if names else view


def encoded_by(model: MultimodalModel, view: Graph) -> Graph:
    """Return a graph that has what the encoders of a trained model make of it, in the place of features.

    Args:
        view: The graph as the model sees it.
        model: The model, trained.
    """
    names = [name for name in view.inputs if name in model.encoders]
    if not names:
        return view
    return view.with_features(LazyMapping(names, lambda name: encode_inputs(model, name, view.inputs[name])))


def encode_inputs(model: MultimodalModel, name: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """Return what the encoder of a modality makes of what it reads, float32 [M, D].

    Args:
        model: The model, whose encoder is ready for inference from then on.
        name: The node type of the modality.
        inputs: What it reads, [M, ...].
    """
    encoder: nn.Module = model.encoders[name].eval()
    with torch.no_grad():
        made: NDArray[np.float32] = encoder(_tensor(inputs)).numpy()
    return made


def _tensor(inputs: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(inputs) if inputs.flags.writeable else inputs.copy())
