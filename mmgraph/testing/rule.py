"""A rule of the contract, and what it is checked on."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from mmgraph.errors import ConfigError, Fault, Faults, did_you_mean
from mmgraph.testing.contract_error import ContractError
from mmgraph.testing.example_graph import ExampleGraph

TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Subject:
    """The layer or model that is checked: how to make it, and what to expect of it.

    Args:
        name: What to call it in messages.
        make_module: Makes one for the types of a graph, with some of ``arguments`` by name.
        graph: The graph with everything that it may meet.
        tiny: The graph for what takes long.
        returned: The node types that come back, of all that the graph may have.
        channels: The width of what comes back; None for any.
        arguments: Those of ``dropout`` and ``targets`` that can be handed to ``make_module``.
        frozen: The parameters that are declared to get no gradient.
    """

    name: str
    make_module: Callable[[ExampleGraph, Mapping[str, Any]], nn.Module]
    graph: ExampleGraph
    tiny: ExampleGraph
    returned: frozenset[str]
    channels: int | None
    arguments: frozenset[str]
    frozen: frozenset[str]

    def make(self, graph: ExampleGraph | None = None, *, seed: int = 0, **arguments: Any) -> nn.Module:
        """Return a fresh one in float64, in evaluation mode; the same seed gives the same weights."""
        torch.manual_seed(seed)
        return self.make_module(graph or self.graph, arguments).double().eval()

    def with_edge_features(self) -> Subject:
        """Return it on graphs whose edges have features."""
        return replace(
            self,
            name=f"{self.name} with edge features",
            graph=self.graph.with_edge_features(),
            tiny=self.tiny.with_edge_features(),
        )

    def faults_of_states(self, out: Any, graph: ExampleGraph) -> Iterator[str]:
        """Yield what is wrong with the types, shapes and numbers of what came back."""
        if not isinstance(out, Mapping):
            yield f"a {type(out).__name__}"
            return
        wanted = self.returned.intersection(graph.x_dict)
        for name in sorted(wanted - set(out)):
            yield f"nothing for the node type {name!r}"
        for name in sorted(set(out) - wanted):
            yield f"states of {name!r}, which was not asked for"
        for name, x in out.items():
            rows = graph.x_dict[name].shape[0]
            width = self.channels or (x.shape[1] if x.dim() == 2 else -1)
            if tuple(x.shape) != (rows, width):
                yield f"states of {name!r} of shape {tuple(x.shape)}"
            elif not bool(torch.isfinite(x).all()):
                yield f"states of {name!r} that are not finite"


class Named(Protocol):
    """Whatever is checked; it has a name for messages."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...


Checked = TypeVar("Checked", bound=Named)


@dataclass(frozen=True)
class Rule(Generic[Checked]):
    """One thing that every layer, model or encoder keeps to.

    Args:
        name: What it is called, in messages and in the documentation.
        wanted: What is wanted.
        fix: What to do where it is broken.
        check: Yields what came instead; nothing if the rule is kept.
        last: Check it only if all others are kept: what breaks them may well break it too.
    """

    name: str
    wanted: str
    fix: str
    check: Callable[[Checked], Iterator[str]]
    last: bool = False

    def broken_by(self, subject: Checked) -> Fault | None:
        """Return how the subject breaks the rule, if it does."""
        torch.manual_seed(0)
        try:
            came = next(self.check(subject), None)
        except Exception as error:
            came = _raised(error)
        if came is None:
            return None
        return Fault(f"{subject.name}: {self.name}", f"got {came}; wanted {self.wanted}", self.fix)


def choose_rules(rules: Sequence[Rule[Checked]], skip: Collection[str]) -> list[Rule[Checked]]:
    """Return the rules but those of some names.

    Raises:
        ConfigError: If there is no rule of a name.
    """
    names = [rule.name for rule in rules]
    faults = Faults()
    for name in skip:
        if name not in names:
            faults.add("skip", f"there is no rule {name!r}", did_you_mean(name, names))
    faults.raise_if_any(ConfigError)
    return [rule for rule in rules if rule.name not in skip]


def require(subject: Subject, rules: Iterable[Rule[Subject]], *, with_edge_features: bool) -> None:
    """Make sure that a subject keeps to all rules.

    Args:
        subject: What is checked.
        rules: The rules.
        with_edge_features: Check it a second time on graphs whose edges have features, unless it is made for
            them just as for those without.

    Raises:
        ContractError: If not; every broken rule is one of its faults.
    """
    with _in_peace():
        subjects, plain = [subject], _made(subject)
        if with_edge_features:
            featured = subject.with_edge_features()
            module = _made(featured)
            if getattr(module, "edge_channels", {}) or _shapes(module) != _shapes(plain):
                graph, tiny = featured.graph.read_by(module), featured.tiny.read_by(module)
                subjects.append(replace(featured, graph=graph, tiny=tiny))
        broken: list[Fault] = []
        for rule in sorted(rules, key=lambda rule: rule.last):
            if not (rule.last and broken) and (fault := _first_fault(rule, subjects)) is not None:
                broken.append(fault)
    if broken:
        raise ContractError.of(broken)


def _made(subject: Subject) -> nn.Module:
    try:
        return subject.make()
    except Exception as error:
        features = (
            f", with edge features {subject.graph.edge_channels}" if subject.graph.edge_channels else ""
        )
        raise ContractError(
            f"{_raised(error)}; wanted one for these types: {subject.graph.metadata}{features}",
            where=f"{subject.name}: making",
            fix="Make it by (metadata, channels) for a layer, by (schema) for a model.",
        ) from error


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    """Return the shapes of the parameters by name; those that are not known yet are empty."""
    return {
        name: torch.Size() if nn.parameter.is_lazy(parameter) else parameter.shape
        for name, parameter in module.named_parameters()
    }


def _first_fault(rule: Rule[Subject], subjects: Iterable[Subject]) -> Fault | None:
    return next((fault for each in subjects if (fault := rule.broken_by(each)) is not None), None)


def difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor], *, exact: bool = False) -> str | None:
    """Return how states differ from others, in words; None if they do not. NaN is as good as NaN.

    Args:
        one: Node type to state, [N, C].
        other: The same, to compare with.
        exact: Ask for the same bits.

    Example:
        >>> difference({"a": torch.ones(2, 1)}, {"a": torch.tensor([[1.0], [1.5]])})
        "states of 'a' that differ by up to 0.5"
    """
    if set(one) != set(other):
        return f"the node types {sorted(one)} and not {sorted(other)}"
    tolerance = 0.0 if exact else TOLERANCE
    for name, x in one.items():
        if x.shape != other[name].shape or x.dtype != other[name].dtype:
            return f"states of {name!r} of another shape or type: {tuple(x.shape)}, {x.dtype}"
        if not torch.allclose(x, other[name], rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"states of {name!r} that differ by up to {(x - other[name]).abs().max().item():.2g}"
    return None


def _raised(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


@contextmanager
def _in_peace() -> Iterator[None]:
    """Keep what the compiler prints to ourselves, and the caller's random numbers as they are."""
    disabled, trace = logging.root.manager.disable, logging.getLogger("torch.__trace")
    traced = trace.disabled
    logging.disable(logging.CRITICAL)
    # The compiler's trace passes by what logging.disable stops.
    trace.disabled = True
    nowhere = io.StringIO()
    try:
        with (
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(),
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        trace.disabled = traced
