"""Rules on a layer or a model as a torch module: gradients, random numbers, state, precision."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmgraph.testing.example_graph import ExampleGraph
from mmgraph.testing.rule import Rule, Subject, difference

STEP = 1e-6
"""How far parameters and states are moved to measure a slope."""

SLOPE_TOLERANCE = 1e-5
"""How far a gradient may be from the slope that is measured, as a share of it."""

DROPOUT = 0.3

NUM_DRAWS = 4
"""How many draws of the weights may leave a parameter without a gradient."""


def _reached_parameters(subject: Subject) -> Iterator[str]:
    names = {name for name, _ in subject.make().named_parameters()}
    if unknown := sorted(subject.frozen - names):
        yield f"no parameter {', '.join(unknown)}, declared to get no gradient"
    reached: set[str] = set()
    trained: set[str] = set()
    # By chance a gradient may be 0 for some weights: a maximum or a ReLU that another one wins.
    for seed in range(NUM_DRAWS):
        module = subject.make(seed=seed)
        out = module(*subject.graph.inputs)
        loss = torch.stack([(x * torch.randn_like(x)).sum() for x in out.values()]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                trained.add(name)
                if parameter.grad is not None and bool(parameter.grad.abs().sum() > 0):
                    reached.add(name)
        if trained <= reached:
            break
    if unreached := sorted(trained - reached - subject.frozen):
        yield f"no gradient for {', '.join(unreached)}"
    if wrongly := sorted(reached & subject.frozen):
        yield f"a gradient for {', '.join(wrongly)}, declared to get none"


def _gradients(subject: Subject) -> Iterator[str]:
    module = subject.make(subject.tiny)
    x_dict, edges, weights, *attrs = subject.tiny.inputs
    given = [tensor.requires_grad_() for part in (x_dict, *attrs) for tensor in part.values()]
    moved = [*given, *(p for p in module.parameters() if p.requires_grad)]
    weigh = {name: torch.randn(x.shape[0], 1, dtype=x.dtype) for name, x in x_dict.items()}

    def value() -> Tensor:
        out = module(dict(x_dict), edges, weights, *attrs)
        return torch.stack([(torch.sin(x) * weigh[name]).sum() for name, x in out.items()]).sum()

    gradients = torch.autograd.grad(value(), moved, allow_unused=True, materialize_grads=True)
    for _ in range(2):
        direction = [torch.randn_like(tensor) for tensor in moved]
        computed = sum((g * d).sum().item() for g, d in zip(gradients, direction, strict=True))
        values = []
        with torch.no_grad():
            for step in (STEP, -2 * STEP, STEP):
                for tensor, d in zip(moved, direction, strict=True):
                    tensor.add_(d, alpha=step)
                values.append(value().item())
        slope = (values[0] - values[1]) / (2 * STEP)
        if abs(computed - slope) > SLOPE_TOLERANCE * (1 + abs(slope)):
            yield f"the gradient {computed:.6g} where the slope is {slope:.6g}"


def _evaluation(subject: Subject) -> Iterator[str]:
    module = subject.make(**_dropout(subject))
    yield from _differs(module(*subject.graph.inputs), module(*subject.graph.inputs))


def _training(subject: Subject) -> Iterator[str]:
    graph = subject.graph.single()

    def trained() -> dict[str, Tensor]:
        module = subject.make(**_dropout(subject)).float().train()
        optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            loss = torch.stack([x.square().mean() for x in module(*graph.inputs).values()]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return dict(module.state_dict())

    one, other = trained(), trained()
    if (found := difference(one, other, exact=True)) is not None:
        yield f"{found}, after three steps"


def _state_dict(subject: Subject) -> Iterator[str]:
    module, other = subject.make(), subject.make(seed=1)
    # Something to remember: running statistics and the like are part of the state.
    module.train()
    module(*subject.graph.inputs)
    module.eval()
    other.load_state_dict(copy.deepcopy(module.state_dict()))
    yield from _differs(other(*subject.graph.inputs), module(*subject.graph.inputs))


def _deepcopy(subject: Subject) -> Iterator[str]:
    module = subject.make()
    wanted = {name: x.detach() for name, x in module(*subject.graph.inputs).items()}
    copied = copy.deepcopy(module)
    yield from _differs(copied(*subject.graph.inputs), wanted)
    _scramble(copied)
    if (found := difference(_detached(module, subject.graph), wanted, exact=True)) is not None:
        yield f"{found} once the copy has changed"


def _precision(subject: Subject) -> Iterator[str]:
    double = subject.make()
    single = subject.make().float()
    for module, graph, dtype in (
        (double, subject.graph, torch.float64),
        (single, subject.graph.single(), torch.float32),
        # Features of edges come in float32, whatever the states are in.
        (double, replace(subject.graph, edge_attr_dict=subject.graph.single().edge_attr_dict), torch.float64),
    ):
        for name, x in module(*graph.inputs).items():
            if x.dtype != dtype:
                yield f"{x.dtype} for {name!r} from {dtype}"
    exact = double(*subject.graph.inputs)
    rounded = double(*_rounded(subject.graph).inputs)
    if all(torch.equal(exact[name], x) for name, x in rounded.items()):
        yield "states that do not change by what float32 cannot hold"


def _dropout(subject: Subject) -> dict[str, Any]:
    return {"dropout": DROPOUT} if "dropout" in subject.arguments else {}


def _rounded(graph: ExampleGraph) -> ExampleGraph:
    return replace(graph, x_dict={name: x.float().double() for name, x in graph.x_dict.items()})


def _scramble(module: nn.Module) -> None:
    with torch.no_grad():
        for tensor in module.parameters():
            tensor.add_(1.0)


def _detached(module: nn.Module, graph: ExampleGraph) -> dict[str, Tensor]:
    return {name: x.detach() for name, x in module(*graph.inputs).items()}


def _differs(one: dict[str, Tensor], other: dict[str, Tensor]) -> Iterator[str]:
    found = difference(one, other, exact=True)
    if found is not None:
        yield found


MODULE_RULES = (
    Rule(
        "parameters",
        "a gradient for every parameter that is not declared frozen, and for no other",
        "Make parameters only for what is read; set requires_grad to False, or name it in frozen.",
        _reached_parameters,
    ),
    Rule(
        "gradients",
        "gradients that agree with the slope of the outputs, in float64",
        "Check what detaches, rounds, or has a backward of its own; torch.autograd.gradcheck says more.",
        _gradients,
    ),
    Rule(
        "evaluation",
        "the same bits twice in evaluation mode",
        "Draw random numbers only if self.training.",
        _evaluation,
    ),
    Rule(
        "training",
        "the same bits of training twice from one seed",
        "Draw from torch's generator, and walk through lists, never through sets.",
        _training,
    ),
    Rule(
        "state dict",
        "the same bits from a fresh one that loads the state_dict",
        "Keep what is learnt in parameters and buffers, and make all of them in __init__.",
        _state_dict,
    ),
    Rule(
        "deepcopy",
        "a copy that gives the same bits and has weights of its own",
        "Keep no tensors or modules outside of what torch.nn.Module registers.",
        _deepcopy,
    ),
    Rule(
        "precision",
        "float64 throughout from float64, float32 from float32",
        "Make new tensors by x.new_zeros(...) or with dtype=x.dtype, and turn edge features to x.dtype.",
        _precision,
    ),
)
"""What holds for layers and models alike, as torch modules."""
