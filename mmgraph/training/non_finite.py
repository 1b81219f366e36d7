"""Where a number that is not finite comes from, once a training has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from mmgraph.counted import counted
from mmgraph.models.graph_batch import GraphBatch

if TYPE_CHECKING:
    from mmgraph.training.module import TaskModule


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
    return _in_graph(batch) or _in_weights(module) or _in_states(module, batch)


def describe_gradient(module: nn.Module) -> str:
    """Return which weights have a gradient that is not finite, and the largest one if all are."""
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    bad = [name for name, gradient in gradients.items() if not gradient.isfinite().all()]
    if bad:
        return f"is not finite in {len(bad)} of {len(gradients)} weights, first in {bad[0]}"
    name, value = max(((n, g.abs().max().item()) for n, g in gradients.items()), key=lambda pair: pair[1])
    return f"is too large for float32: it goes up to {value:.3g} in {name}"


def describe_validation(module: TaskModule, output: Tensor) -> str:
    """Return why a validation loss is not finite.

    Args:
        module: The model with its head.
        output: What it makes of the validation entities, [R, C].
    """
    if weights := _in_weights(module):
        return weights.text
    bad = int((~output.isfinite()).any(dim=1).sum())
    if bad:
        return f"the output for {bad:,} of {counted(len(output), 'entity', 'entities')} is not finite"
    return f"the output goes up to {output.abs().max().item():.3g}"


def _in_graph(batch: GraphBatch) -> Origin | None:
    places: list[tuple[str, str, Mapping[Any, Tensor]]] = [
        ("features of", "nodes", batch.x_dict),
        ("weights of the edges", "edges", batch.edge_weight_dict),
        ("features of the edges", "edges", batch.edge_attr_dict),
    ]
    for what, things, values in places:
        for name, x in values.items():
            bad = ~x.isfinite()
            rows = bad.flatten(1).any(dim=1) if x.dim() > 1 else bad
            if rows.any():
                # In a sample, nodes and edges have other numbers than in the graph.
                first = f", first in number {int(rows.nonzero()[0])}" if batch.sample is None else ""
                shown = name if isinstance(name, str) else " ".join(name)
                many = f"{int(rows.sum()):,} of {len(x):,} {things}{first}"
                return Origin(f"the {what} {shown!r} are not finite in {many}", given=True)
    return None


def _in_weights(module: nn.Module) -> Origin | None:
    for name, values in module.state_dict().items():
        if not values.isfinite().all():
            return Origin(f"the weights {name} are no longer finite")
    return None


def _in_states(module: TaskModule, batch: GraphBatch) -> Origin:
    model, found = module.model, list[Origin]()
    layers = {layer: f"layer {number} of {len(model.layers)}" for number, layer in enumerate(model.layers, 1)}
    parts = {model.projection: "the projection", **layers, model.readout: "the readout"}

    def note(where: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, outputs: Any) -> None:  # noqa: ARG001 - torch's signature
            found.extend(Origin(f"{state} after {where} are not finite") for state in _bad_states(outputs))

        return hook

    handles = [part.register_forward_hook(note(where)) for part, where in parts.items()]
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            output = module.task.step(module.head, module.unify, batch).output
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    if found:
        return found[0]
    if not output.isfinite().all():
        return Origin(f"the head's output for {module.task.labels.entity!r} is not finite")
    return Origin(
        "without dropout, all states are finite, and the head's output for "
        f"{module.task.labels.entity!r} goes up to {output.abs().max().item():.3g}"
    )


def _bad_states(outputs: Mapping[str, Tensor]) -> Iterator[str]:
    for name, state in outputs.items():
        rows = ~state.isfinite().all(dim=1)
        if rows.any():
            yield f"the states of {int(rows.sum()):,} of {counted(len(state), f'{name!r} node')}"
