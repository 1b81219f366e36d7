"""The beginning of a training from what another one has learnt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mmgraph.counted import agreed, counted
from mmgraph.errors import ConfigError, RunError
from mmgraph.graph import Graph
from mmgraph.training.config import TrainConfig
from mmgraph.training.module import TaskModule
from mmgraph.training.run_folder import BEST, meanings, read_record, read_weights

_OF_THE_MODEL = "model."
_OF_THE_GRAPH = "featureless."
_OF_ENCODERS = "encoders."
_READS_FEATURES = "projection.linear."
_SHOWN = 5


def initialise(module: TaskModule, graph: Graph, config: TrainConfig) -> str | None:
    """Give a model the weights of the run that its config names, and hold fast what shall not be trained.

    A weight is taken where the run's model has one of the same name and shape: those of modalities and
    relations that both graphs have. The head begins anew. Learned vectors of nodes are of their graph alone,
    what was learnt of a pre-trained encoder is of its files alone, and what reads features, of features that
    mean the same.

    Args:
        module: The model, with fresh weights, and its head.
        graph: The graph.
        config: The config.

    Returns:
        What a reader of the metrics should know; nothing if the config names no run.

    Raises:
        ConfigError: If weights shall be held fast, but there is no run, or nothing is left to train.
        RunError: If the run cannot be read, or has no weight for the model.
    """
    if config.init_from is None:
        if config.finetune != "full":
            raise ConfigError(
                f"got {config.finetune}, but there is no run to begin from",
                where="finetune",
                fix="Name one by --init-from RUN, or leave it out.",
            )
        return None
    folder = Path(config.init_from)
    record, _ = read_record(folder)
    of_the_graph = record.graph.fingerprint == graph.fingerprint()
    there = read_weights(folder / BEST)
    fitted_anew = [] if of_the_graph else _of_another_meaning(record.graph.features, meanings(graph))
    unlike = tuple(f"{_READS_FEATURES}{name}." for name in fitted_anew)
    others = tuple(f"{_OF_ENCODERS}{name}." for name in _encoders_of_other_files(module, there))
    taken, new = [], []
    for name, own in module.model.named_parameters():
        if not own.requires_grad:
            # A weight of a pre-trained encoder that no training changes is that of the encoder's folder.
            continue
        other = there.get(f"{_OF_THE_MODEL}{name}")
        fits = other is not None and other.shape == own.shape
        elsewhere = name.startswith((*others, *unlike)) or (
            name.startswith(_OF_THE_GRAPH) and not of_the_graph
        )
        if other is None or not fits or elsewhere:
            new.append(name)
            continue
        with torch.no_grad():
            own.copy_(other)
        taken.append(name)
        own.requires_grad_(config.finetune == "full")
    if not taken:
        raise RunError(
            f"none of its weights is of the name and the shape of one of the {len(new)} of this model",
            where=str(folder),
            fix="Leave --model out, for the run's own, or train on a graph that has its modalities.",
        )
    if config.finetune == "linear_probe":
        module.probe()
    if not any(weight.requires_grad for weight in module.parameters()):
        raise ConfigError(
            f"got {config.finetune}, which leaves nothing to train: all weights of the model are held fast, "
            "and the head has none",
            where="finetune",
            fix="Set it to full, or take a head that learns; of links, links.decoder=distmult or mlp.",
        )
    more = f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
    fresh = f"; new are {', '.join(new[:_SHOWN])}{more}" if new else ""
    unread = [name for name in _origins(there) if name not in module.model.encoders]
    left = f"; its fine-tuned encoders of {', '.join(unread)} are left out" if unread else ""
    anew = ""
    if fitted_anew:
        number = len(fitted_anew)
        anew = (
            f"; {agreed(number, 'the encoder', 'the encoders')} of {', '.join(fitted_anew)} "
            f"{agreed(number, 'was', 'were')} fitted to other items there, so that "
            f"{agreed(number, 'its', 'their')} numbers mean something else: what reads them begins anew"
        )
    return (
        f"began with {len(taken)} of {counted(len(taken) + len(new), 'weight')} of the run "
        f"{record.task}, {config.finetune}{fresh}{left}{anew}"
    )


def _of_another_meaning(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Return the modality node types that both graphs have, and whose features do not mean the same."""
    return sorted(name for name in here if name in there and here[name] != there[name])


def _origins(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return by modality node type from which files a run's fine-tuned encoder began."""
    begin, end = f"{_OF_THE_MODEL}{_OF_ENCODERS}", ".origin"
    return {
        name.removeprefix(begin).removesuffix(end): value
        for name, value in weights.items()
        if name.startswith(begin) and name.endswith(end)
    }


def _encoders_of_other_files(module: TaskModule, weights: Mapping[str, Tensor]) -> list[str]:
    own = _origins(module.state_dict())
    return [n for n, there in _origins(weights).items() if n in own and not torch.equal(own[n].cpu(), there)]
