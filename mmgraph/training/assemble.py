"""What a config makes of a graph: the part of it that the model sees, and the model itself."""

from __future__ import annotations

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph.graph import Graph
from mmgraph.models import MultimodalModel, build
from mmgraph.tasks import ClassLoss, LinkOptions, Objectives, Task, TaskOptions, TaskWeights
from mmgraph.tasks.few_labels import FewLabels
from mmgraph.tasks.matching_options import MatchingOptions
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.pair_task import PairTask
from mmgraph.training.config import ModelConfig, TrainConfig
from mmgraph.training.fine_tuning import add_encoders
from mmgraph.training.memory import memory_told
from mmgraph.training.module import TaskModule
from mmgraph.training.temporal import check_temporal, has_own_times


@memory_told("while the graph was made ready for the task", fix="Free some memory.")
def visible_graph(graph: Graph, task: str, config: TrainConfig) -> Graph:
    """Return the graph without what the task must not see, and as the controls of the config want it."""
    left_out = config.without
    view = graph.view(task).without(modalities=left_out.modalities, relations=left_out.relations)
    if config.edges == "none":
        view = view.without_relations()
    elif config.edges == "shuffled":
        view = view.shuffled(config.seed)
    return view if config.features == "given" else view.with_noise(config.seed)


def assemble(graph: Graph, task: str, config: TrainConfig) -> TaskModule:
    """Return a model with fresh weights and its task.

    Args:
        graph: The graph.
        task: The name of the task.
        config: The config.

    Raises:
        GraphError: If the graph has nothing that a model could learn from, or its labels cannot be used.
        ConfigError: If the graph has no such task, an option of the model or the loss cannot be used, or
            times are to be kept to and that cannot be done.
    """
    if config.links.structure and config.edges != "given":
        raise ConfigError(
            f"got True with edges={config.edges}: it would count the links that the control hides",
            where="links.structure",
            fix="Leave it out of the control.",
        )
    view = visible_graph(graph, task, config)
    modal = any(node_type.modality is not None for node_type in view.schema.node_types)
    # Where nothing else is there, the control without edges shows what the labels' frequencies alone give.
    if not modal and not view.schema.edge_types and config.edges != "none":
        raise GraphError(
            f"as the task {task!r} sees it, the graph has no modality and no relation, so there is nothing "
            "to learn from",
            where=f"graph {view.name}",
            fix="Give an entity type a modality, or the graph a relation, that the task's `without` does not "
            "name.",
        )
    loss = ClassLoss(config.loss, config.focal_gamma, config.class_weights, config.label_smoothing)
    links = LinkOptions(**config.links.model_dump())
    contrast = Contrast(**config.contrastive.model_dump())
    matching = MatchingOptions(**config.matching.model_dump())
    objectives = Objectives(config.objectives, config.mask_share, config.classes_of)
    few = FewLabels(config.label_share, config.seed)
    # Of the graph itself: what a task asks for is the same in the controls.
    weights = TaskWeights(config.task_weights)
    asked = TaskOptions(loss, links, contrast, matching, objectives, few, weights)
    learn = Task.from_graph(graph, task, asked)
    _check_controls(learn, config)
    options = config.model
    doing = f"while a model of hidden_channels {options.hidden_channels} was made"
    with memory_told(doing, fix="Take a smaller model.hidden_channels, or fewer layers."):
        model = build_model(view, options)
        rates = add_encoders(model, view, config)
        module = TaskModule(model, options.hidden_channels, learn, config.optimiser, rates)
    for name, rate in rates.items():
        module.add_note(f"the encoder of {name} is trained as well, with the learning rate {rate:g}")
    featured = list(dict.fromkeys(t.relation for t in view.schema.edge_types if t.attr_names))
    if featured and not model.edge_channels:
        module.add_note(f"no layer of the model reads the edge features of {', '.join(featured)}")
    if config.temporal != "none":
        check_temporal(view, learn, model)
        return module
    timed = list(dict.fromkeys(t.relation for t in view.schema.edge_types if t.timed))
    if timed:
        unless = ", unless temporal is set" if has_own_times(learn) else ""
        module.add_note(
            f"the times of {', '.join(timed)} are not looked at{unless}: every entity sees all edges of the "
            "graph, also later ones"
        )
    return module


def _check_controls(learn: Task, config: TrainConfig) -> None:
    """Refuse controls that take away what the task itself reads.

    Raises:
        ConfigError: If they do.
    """
    if not isinstance(learn, PairTask):
        return
    both = f"{learn.labels.task!r} reads both of its modalities by itself"
    if config.features == "noise":
        raise ConfigError(f"got noise, but {both}", where="features", fix="Leave it out.")
    if taken := sorted(set(learn.names) & set(config.without.modalities)):
        raise ConfigError(
            f"got {taken[0]}, but {both}", where="without.modalities", fix="Leave out another one."
        )


def build_model(view: Graph, options: ModelConfig) -> MultimodalModel:
    """Return a model with fresh weights for a graph as a task sees it.

    Raises:
        ConfigError: If an option of the model or of a layer cannot be used.
    """
    return build(
        view.schema,
        model=options.name,
        layers=[(layer.name, layer.parameters) for layer in options.layers] if options.layers else None,
        options=options.options,
        hidden_channels=options.hidden_channels,
        num_layers=options.num_layers,
        heads=options.heads,
        dropout=options.dropout,
        input_dropout=options.input_dropout,
        readout=options.readout,
        missing=options.missing,
        modality_dropout=options.modality_dropout,
        featureless=options.featureless,
    )
