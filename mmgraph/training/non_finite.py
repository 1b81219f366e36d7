"""Where a number that is not finite comes from, once a training has one or a trained model makes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmgraph.counted import counted
from mmgraph.errors import DivergedError
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Task
from mmgraph.tasks.gathered import alone
from mmgraph.tasks.step import Unify

if TYPE_CHECKING:
    from mmgraph.training.module import TaskModule

MEND = "Mend them where they come from, and build the graph again."
"""What helps where a graph gives it."""

# How many ids an error names.
_NAMED = 3

# So many values are looked at together, as each takes a byte more.
_VALUES_AT_A_TIME = 1 << 24


class Origin(NamedTuple):
    """Where it comes from.

    Args:
        text: The place, for people.
        given: Whether it is in what the graph gives, so that no setting of the training mends it.
    """

    text: str
    given: bool = False


def find_origin(module: TaskModule, batch: GraphBatch) -> Origin:
    """Return where the first number that is not finite comes up: in the graph, the weights or a state.

    It runs the forward pass once more, without dropout, and looks at the states after each part of the
    model. What a training pays for is only this, and only when it is lost already.

    Args:
        module: The model with its head.
        batch: What it was given.
    """
    if origin := _in_graph(batch) or _in_weights(module):
        return origin

    def step() -> Tensor:
        # Other processes, whose loss is finite, do not make the step again.
        with alone():
            return module.task.step(module.head, module.unify, batch).output

    origin, output = _in_states(module, step)
    if origin:
        return origin
    if not output.isfinite().all():
        return Origin(f"the head's output for {module.task.labels.entity!r} is not finite")
    return Origin(
        "without dropout, all states are finite, and the head's output for "
        f"{module.task.labels.entity!r} goes up to {output.abs().max().item():.3g}"
    )


def find_validation_origin(module: TaskModule, unify: Unify, rows: Tensor) -> Origin | None:
    """Return where what is not finite comes up while validation entities are measured; nothing if nowhere.

    They are measured once more, which all processes do together; each sees to a part of them.

    Args:
        module: The model with its head.
        unify: Tells what the model makes of entities.
        rows: The validation entities, int64 [R].
    """
    weights = _in_weights(module)
    return weights or _in_states(module, lambda: module.task.output(module.head, unify, rows))[0]


def describe_gradient(module: nn.Module) -> str:
    """Return which weights have a gradient that is not finite, and the largest one if all are."""
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    bad = [name for name, gradient in gradients.items() if not gradient.isfinite().all()]
    if bad:
        return f"is not finite in {len(bad)} of {len(gradients)} weights, first in {bad[0]}"
    name, value = max(((n, g.abs().max().item()) for n, g in gradients.items()), key=lambda pair: pair[1])
    return f"is too large for float32: it goes up to {value:.3g} in {name}"


def describe_validation(task: Task, output: Tensor, rows: Tensor) -> str:
    """Return why a validation loss is not finite.

    Args:
        task: The task.
        output: What the model makes of the validation entities, [R, ...].
        rows: These entities, int64 [R].
    """
    bad = rows_not_finite(output)
    if len(bad):
        if name := task.name_of_output(int(bad[0])):
            return f"{name} is not finite"
        ids = task.labels.ids[rows[bad].numpy(force=True)]
        return f"the output is not finite for {_entities(task.labels.entity, ids, len(output))}"
    return f"the output goes up to {output.abs().max().item():.3g}"


def rows_not_finite(values: Tensor) -> Tensor:
    """Return the rows in which a number is not finite, int64 [R].

    Args:
        values: [N, ...]; they may be mapped from a file, of which a part is read at a time.
    """
    step = max(_VALUES_AT_A_TIME // max(values[:1].numel(), 1), 1)
    bad = [~part.isfinite().flatten(1).all(dim=1) for part in torch.split(values.unsqueeze(-1), step)]
    return torch.cat(bad).nonzero().flatten() if bad else torch.empty(0, dtype=torch.int64)


def not_finite(what: str, entity: str, ids: NDArray[np.str_], of: int, origin: Origin) -> DivergedError:
    """Return the error of a trained model that makes of some entities what is not finite.

    Args:
        what: What it makes of them.
        entity: Their type.
        ids: Their ids, [R].
        of: Among how many.
        origin: Where it comes from.

    Example:
        >>> origin = Origin("the features of 'a/x' are not finite", given=True)
        >>> print(not_finite("the output", "a", np.array(["a7"]), 30, origin))
        the output is not finite for 1 of 30 entities of the type 'a', 'a7': the features of 'a/x' are not \
finite. Mend them where they come from, and build the graph again.
    """
    return lost(f"{what} is not finite for {_entities(entity, ids, of)}", origin)


def _entities(entity: str, ids: NDArray[np.str_], of: int) -> str:
    named = ", ".join(map(repr, ids[:_NAMED].tolist()))
    more = f"first {named}" if len(ids) > _NAMED else named
    return f"{len(ids):,} of {counted(of, 'entity', 'entities')} of the type {entity!r}, {more}"


def lost(what: str, origin: Origin) -> DivergedError:
    """Return the error of a trained model that makes what is not finite.

    Args:
        what: What is not finite, as a sentence.
        origin: Where it comes from.
    """
    return DivergedError(
        f"{what}: {origin.text}",
        fix=MEND
        if origin.given
        else "Scale extreme features down and build the graph again, or train with a lower learning rate.",
    )


def origin_in_graph(graph: Graph) -> Origin:
    """Return what a graph gives that is not finite, or how far its features go if all are.

    Args:
        graph: The graph as the model sees it.
    """
    stored = graph.stored_features
    features = {name: stored[name] if name in stored else graph.features[name] for name in graph.features}

    def owner(name: str, row: int) -> str:
        return str(graph.nodes[name]["id"].iloc[row])

    of_nodes: list[tuple[str, str, Mapping[Any, Any]]] = [("features of", "nodes", features)]
    of_edges: list[tuple[str, str, Mapping[Any, Any]]] = [
        ("weights of the edges", "edges", graph.edge_weight),
        ("features of the edges", "edges", graph.edge_attr),
    ]
    return (
        _in_values(of_nodes, lambda name, row: f", first that of {owner(name, row)!r}")
        or _in_values(of_edges, lambda _, row: f", first in number {row}")
        or _furthest(features, owner)
    )


def origin_in_features(
    features: Mapping[str, NDArray[np.float32]], ids: Mapping[str, NDArray[np.str_]]
) -> Origin:
    """Return which features of new nodes are not finite, or how far they go if all are.

    Args:
        features: By modality node type, float32 [M, D].
        ids: By modality node type, the id of each node's entity, text [M].
    """
    places: list[tuple[str, str, Mapping[Any, Any]]] = [("features of", "nodes", features)]
    named = _in_values(places, lambda name, row: f", first that of {str(ids[name][row])!r}")
    return named or _furthest(features, lambda name, row: str(ids[name][row]))


def _in_graph(batch: GraphBatch) -> Origin | None:
    places: list[tuple[str, str, Mapping[Any, Any]]] = [
        ("features of", "nodes", batch.x_dict),
        ("weights of the edges", "edges", batch.edge_weight_dict),
        ("features of the edges", "edges", batch.edge_attr_dict),
    ]
    # In a sample, nodes and edges have other numbers than in the graph.
    return _in_values(places, lambda _, row: f", first in number {row}" if batch.sample is None else "")


def _in_values(
    places: Sequence[tuple[str, str, Mapping[Any, Any]]], first: Callable[[Any, int], str]
) -> Origin | None:
    """Return the first of some places in which a number is not finite.

    Args:
        places: What stands there, of what things, and by type the values, [N, ...].
        first: Tells a type's row of the first such number.
    """
    for what, things, values in places:
        for name, x in values.items():
            bad = rows_not_finite(torch.as_tensor(x))
            if len(bad):
                shown = name if isinstance(name, str) else " ".join(name)
                many = f"{len(bad):,} of {len(x):,} {things}{first(name, int(bad[0]))}"
                return Origin(f"the {what} {shown!r} are not finite in {many}", given=True)
    return None


def _furthest(features: Mapping[str, Any], owner: Callable[[str, int], str]) -> Origin:
    """Return how far features go that are finite."""
    most, text = 0.0, "nothing has features"
    for name, x in features.items():
        step = max(_VALUES_AT_A_TIME // max(x.shape[1], 1), 1)
        for start in range(0, len(x), step):
            rows = np.abs(x[start : start + step]).max(axis=1, initial=0)
            if rows.size and rows.max() > most:
                most, at = float(rows.max()), start + int(rows.argmax())
                text = (
                    f"all features are finite; they go up to {most:.3g}, in {name!r} of {owner(name, at)!r}"
                )
    return Origin(text)


def _in_weights(module: nn.Module) -> Origin | None:
    for name, values in module.state_dict().items():
        if not values.isfinite().all():
            return Origin(f"the weights {name} are no longer finite")
    return None


def _in_states(module: TaskModule, run: Callable[[], Tensor]) -> tuple[Origin | None, Tensor]:
    """Return the first state of the model that is not finite while something runs, and what that returns."""
    model, found = module.model, list[Origin]()
    layers = {layer: f"layer {number} of {len(model.layers)}" for number, layer in enumerate(model.layers, 1)}
    parts = {model.projection: "the projection", **layers, model.readout: "the readout"}

    def note(where: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, outputs: Any) -> None:  # noqa: ARG001 - torch's signature
            found.extend(Origin(f"{state} after {where} are not finite") for state in _bad_states(outputs))

        return hook

    def look(part: nn.Module, inputs: Any) -> None:  # noqa: ARG001 - torch's signature
        # How nodes are numbered depends on what passes the model, and in how many parts.
        features = _in_values([("features of", "nodes", inputs[0])], lambda *_: "")
        found.extend([features] if features else [])

    handles = [model.projection.register_forward_pre_hook(look)]
    handles += [part.register_forward_hook(note(where)) for part, where in parts.items()]
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            output = run()
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    return (found[0] if found else None), output


def _bad_states(outputs: Mapping[str, Tensor]) -> Iterator[str]:
    for name, state in outputs.items():
        rows = ~state.isfinite().all(dim=1)
        if rows.any():
            yield f"the states of {int(rows.sum()):,} of {counted(len(state), f'{name!r} node')}"
