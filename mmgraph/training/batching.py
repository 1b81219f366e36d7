"""Whether a training sees the whole graph in each step or samples of it, and what follows from that."""

from __future__ import annotations

from typing import NamedTuple

import torch

from mmgraph.errors import ConfigError
from mmgraph.graph import Graph, estimate_memory
from mmgraph.graph.estimate import free_memory
from mmgraph.graph.schema import GraphSchema
from mmgraph.models import MultimodalModel
from mmgraph.models.fanout import cut_fanout, usual_fanout, write_fanout
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.models.receptive_field import num_hops, receptive_field
from mmgraph.sampling import BatchLoader
from mmgraph.tasks import LinkPrediction, MultiTask
from mmgraph.training.config import USUAL_BATCH_SIZE, TrainConfig
from mmgraph.training.data import FullBatch, SampledBatches
from mmgraph.training.heap import give_back_large_blocks
from mmgraph.training.inference import AtOnce, ByNeighbourhoods, Inference
from mmgraph.training.layer_by_layer import USUAL_AT_A_TIME, LayerByLayer
from mmgraph.training.module import TaskModule
from mmgraph.training.processes import ALONE, Processes
from mmgraph.training.sampled_graph import SampledGraph
from mmgraph.training.shared_inference import SharedInference

# The estimate may be too low, and others take memory too.
_SHARE_OF_FREE_MEMORY = 0.8


class Choice(NamedTuple):
    """What was chosen.

    Args:
        config: The config with ``batch_size`` and, unless that is 0, ``fanout``.
        reason: What it is and why, for people.
    """

    config: TrainConfig
    reason: str


def choose_batches(
    config: TrainConfig, model: MultimodalModel, schema: GraphSchema, device: torch.device
) -> Choice:
    """Decide what the config leaves open: whether to sample, by the memory that the whole graph takes.

    Args:
        config: The config.
        model: The model.
        schema: The schema of the graph that the model sees.
        device: Where to train.

    Raises:
        ConfigError: If there is a fanout, or times are to be kept to, or batches are accumulated, to be
            shared or cut into chunks, but nothing is sampled, or chunks or the fanout do not fit the model.
        GraphError: If the graph lacks edges that sampling needs.
    """
    check_whole(config)
    size, why = config.batch_size, "as the config says"
    size, why = _in_chunks(config, model, size, why)
    if size is None and config.fanout is not None:
        size = USUAL_BATCH_SIZE
    if size is None and config.accumulate > 1:
        size, why = USUAL_BATCH_SIZE, f"since accumulate is {config.accumulate}, which joins batches"
    if size is None and config.temporal != "none":
        size, why = USUAL_BATCH_SIZE, "since each entity sees what was there at its own time"
    if size is None and config.devices > 1:
        size, why = USUAL_BATCH_SIZE, f"since {config.devices} devices share batches"
    if size is None:
        size, why = _by_memory(config, model, schema, device)
    if size == 0:
        return Choice(config.model_copy(update={"batch_size": 0}), f"the whole graph in each step, {why}")
    # Models that are compared share a fanout, and some have fewer layers.
    hops = num_hops(model)
    fanout = usual_fanout(hops) if config.fanout is None else cut_fanout(config.fanout, hops)
    receptive_field(model, schema, fanout)
    shown = f", fanout {write_fanout(fanout)}" if hops else ""
    shared = f" on {config.devices} devices" if config.devices > 1 else ""
    return Choice(
        config.model_copy(update={"batch_size": size, "fanout": fanout}),
        f"mini-batches of {size:,}{shown}{shared}, {why}",
    )


def check_whole(config: TrainConfig) -> None:
    """Refuse a config that asks of the whole graph in each step what only batches can give.

    Args:
        config: The config.

    Raises:
        ConfigError: If ``batch_size`` is 0 beside a fanout, times, or batches to accumulate or share.
    """
    if config.batch_size != 0:
        return
    if config.fanout is not None:
        raise ConfigError(
            f"got {write_fanout(config.fanout)}, but with batch_size 0 nothing is sampled",
            where="fanout",
            fix="Leave one of them out.",
        )
    if config.temporal != "none":
        raise ConfigError(
            f"got {config.temporal}, but with batch_size 0 all entities see the same graph, the whole one",
            where="temporal",
            fix=f"Set a batch_size, e.g. {USUAL_BATCH_SIZE}, or leave temporal out.",
        )
    if config.accumulate > 1:
        raise ConfigError(
            f"got {config.accumulate}, but with batch_size 0 there is one batch, the whole graph",
            where="accumulate",
            fix="Set a batch_size, or leave accumulate out.",
        )
    if config.devices > 1:
        raise ConfigError(
            f"got {config.devices}, but with batch_size 0 there is one batch, the whole graph, which is not "
            "shared",
            where="devices",
            fix=f"Set a batch_size, e.g. {USUAL_BATCH_SIZE}, or train on one device.",
        )


def _in_chunks(
    config: TrainConfig, model: MultimodalModel, size: int | None, why: str
) -> tuple[int | None, str]:
    """Return the size of a batch and why, where it may be cut into chunks.

    Raises:
        ConfigError: If it cannot be cut into chunks as small as the config says.
    """
    chunk = config.contrastive.chunk
    if chunk is None:
        return size, why
    if model.not_in_parts:
        raise ConfigError(
            f"got {chunk}, but a batch cannot be cut into chunks, since {model.not_in_parts}",
            where="contrastive.chunk",
            fix="Leave it out, or take another model.",
        )
    if size == 0:
        raise ConfigError(
            f"got {chunk}, but with batch_size 0 the whole graph passes the model at once",
            where="contrastive.chunk",
            fix=f"Set a batch_size, e.g. {8 * chunk}, or leave contrastive.chunk out.",
        )
    if size is None:
        size, why = USUAL_BATCH_SIZE, "since contrastive.chunk cuts batches into chunks"
    if chunk >= size:
        raise ConfigError(
            f"got {chunk}, but a step has {size} entities, fewer than two chunks",
            where="contrastive.chunk",
            fix=f"Set a batch_size above {chunk}, or leave contrastive.chunk out.",
        )
    return size, why


def _by_memory(
    config: TrainConfig, model: MultimodalModel, schema: GraphSchema, device: torch.device
) -> tuple[int, str]:
    wanted = estimate_memory(
        schema, hidden_channels=config.model.hidden_channels, num_layers=max(num_hops(model), 1)
    )["total"]
    free = free_memory() if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]
    if free is None:
        return 0, "since nobody tells how much memory is free"
    why = f"since the whole graph takes about {_megabytes(wanted)}, and {_megabytes(free)} are free"
    return 0 if wanted <= _SHARE_OF_FREE_MEMORY * free else USUAL_BATCH_SIZE, why


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def open_batches(
    graph: Graph,
    module: TaskModule,
    config: TrainConfig,
    device: torch.device,
    processes: Processes = ALONE,
) -> tuple[FullBatch | SampledBatches, Inference]:
    """Return the batches of a training, and what tells how good it is.

    Args:
        graph: The graph as the model sees it.
        module: The model and its task.
        config: The config, in which nothing is left open.
        device: Where to train.
        processes: Those that share each batch, and the entities to measure on.
    """
    if not config.batch_size:
        batch = GraphBatch.of(graph).to(device)
        return FullBatch(batch), _inference(graph, module, config, device, whole=batch)
    sampled = _sampled(graph, module, config)
    loader = _loader(sampled, module, config, device, processes)
    inference = _inference(graph, module, config, device, sampled=sampled)
    return SampledBatches(loader), SharedInference(inference, processes) if processes.size > 1 else inference


def _loader(
    sampled: SampledGraph,
    module: TaskModule,
    config: TrainConfig,
    device: torch.device,
    processes: Processes,
) -> BatchLoader:
    """Return the batches of the training rows of a task: entities or links."""
    task = module.task
    assert config.batch_size
    if task.only_whole:
        raise ConfigError(
            f"got {config.batch_size:,}, but {task.only_whole}",
            where="batch_size",
            fix="Set it to 0, for the whole graph in each step.",
        )
    if isinstance(task, MultiTask) and len(task.entities) > 1:
        raise ConfigError(
            f"got {config.batch_size}, but samples are made for one entity type, and the tasks ask about "
            + ", ".join(task.entities),
            where="batch_size",
            fix="Set batch_size to 0, for the whole graph in each step, or take tasks of one entity type.",
        )
    if not isinstance(task, LinkPrediction):
        return sampled.loader(
            module.model,
            task.labels.entity,
            task.rows("train").cpu(),
            batch_size=config.batch_size,
            fanout=config.fanout,
            shuffle=True,
            device=device,
            share=processes.share,
        )
    if config.edges == "none":
        raise ConfigError(
            "got none, but batches of links are sampled along their edges",
            where="edges",
            fix="Set batch_size to 0, for the whole graph in each step.",
        )
    return sampled.link_loader(
        module.model,
        task.links.triple,
        task.links.edge_index,
        task.options.sampling,
        batch_size=config.batch_size,
        fanout=config.fanout,
        device=device,
        share=processes.share,
    )


def open_inference(graph: Graph, module: TaskModule, config: TrainConfig) -> Inference:
    """Return what tells on the CPU what a trained model makes of entities.

    Args:
        graph: The graph as the model sees it.
        module: The model and its task.
        config: The config that it was trained with.
    """
    return _inference(graph, module, config, torch.device("cpu"))


def _sampled(graph: Graph, module: TaskModule, config: TrainConfig) -> SampledGraph:
    give_back_large_blocks()
    return SampledGraph(
        graph, module.model, seed=config.seed, threads=config.batch_threads, temporal=config.temporal
    )


def _inference(
    graph: Graph,
    module: TaskModule,
    config: TrainConfig,
    device: torch.device,
    *,
    whole: GraphBatch | None = None,
    sampled: SampledGraph | None = None,
) -> Inference:
    """Return the way that is exact for a model and takes as little memory as the config asks for.

    Args:
        graph: The graph as the model sees it.
        module: The model and its task.
        config: The config, in which nothing is left open.
        device: Where to compute.
        whole: The whole graph on the device, where it is there already.
        sampled: The graph of which parts are taken, where it is open already.
    """
    why = module.model.not_in_parts
    if why or not (config.batch_size or config.eval_batch_size):
        return AtOnce(whole or GraphBatch.of(graph).to(device), why)
    sampled = sampled or _sampled(graph, module, config)
    apart = module.model.missing.missing == "absent" and config.temporal == "none"
    if not apart or module.task.has_views:
        # Layers cannot be passed apart: what stands for a missing modality is no node of the graph, by times
        # each entity sees other states of the same nodes, and what a view hides is known of whole
        # neighbourhoods.
        return ByNeighbourhoods(sampled, config.eval_batch_size or config.batch_size or USUAL_BATCH_SIZE)
    return LayerByLayer(sampled, config.eval_batch_size or USUAL_AT_A_TIME)
