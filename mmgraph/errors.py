"""The errors that mmgraph raises: few kinds, each saying where, what came, what was wanted, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Args:
        where: The place, e.g. ``dataset.yaml: relations.borders.k``.
        problem: What came and what was wanted, e.g. ``got -3; wanted an integer of at least 1``.
        fix: What to do about it.
    """

    where: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        """Return the fault on one line."""
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{text}. {self.fix}" if self.fix else text


class MMGraphError(Exception):
    """Base of every error that mmgraph raises on purpose.

    Args:
        problem: What came and what was wanted.
        where: The file and the place in it, or the argument.
        fix: What to do about it.

    Example:
        >>> str(DataError("column 'colour' is not in the table", where="a.csv", fix="Use one of: color"))
        "a.csv: column 'colour' is not in the table. Use one of: color"
    """

    exit_code = 1

    def __init__(self, problem: str, *, where: str = "", fix: str = "") -> None:
        self.faults: tuple[Fault, ...] = (Fault(where, problem, fix),)
        super().__init__(str(self.faults[0]))

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> MMGraphError:
        """Return one error that reports all of ``faults``, each once."""
        collected = tuple(dict.fromkeys(faults))
        error = cls("")
        error.faults = collected
        if len(collected) == 1:
            error.args = (str(collected[0]),)
        else:
            lines = "\n".join(f"  - {fault}" for fault in collected)
            error.args = (f"{len(collected)} faults:\n{lines}",)
        return error


class UserError(MMGraphError):
    """The input is at fault, not the program: exit code 2."""

    exit_code = 2


class ConfigError(UserError):
    """A YAML file, a flag or an argument has a key or a value that cannot be used."""


class DataError(UserError):
    """A table, an array or a raw file of a dataset cannot be used."""


class GraphError(UserError):
    """A graph, or a relation that should go into one, cannot be used."""


class RunError(UserError):
    """A run folder cannot be used, or a training cannot be done as asked."""


class DivergedError(RunError):
    """A loss, a gradient or what a model makes of entities is not finite."""


class UnknownNameError(UserError):
    """A name is not registered; the message offers the nearest ones."""


class MissingDependencyError(UserError):
    """An optional library is needed; the message gives the command that installs it."""


class Faults:
    """Collects faults, so that all of one file are reported together.

    Example:
        >>> faults = Faults()
        >>> faults.add("dataset.yaml: name", "got 3; wanted text")
        >>> faults.raise_if_any(ConfigError)
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: dataset.yaml: name: got 3; wanted text
    """

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, where: str, problem: str, fix: str = "") -> None:
        """Note one fault."""
        self.found.append(Fault(where, problem, fix))

    def extend(self, error: MMGraphError) -> None:
        """Note every fault of an error that was caught."""
        self.found.extend(error.faults)

    def raise_if_any(self, kind: type[MMGraphError]) -> None:
        """Raise one error of ``kind`` that reports all faults, if there are any."""
        if self.found:
            raise kind.of(self.found)


def did_you_mean(name: str, known: Iterable[str], *, listed: bool = False) -> str:
    """Return a sentence that offers the names nearest to ``name``, or that it is the beginning of.

    Args:
        name: What was given.
        known: The names that there are.
        listed: Whether they stand in the sentence before; else they are listed where none is near.

    Example:
        >>> did_you_mean("hetro_gat", ["hetero_gat", "mlp"])
        "Did you mean 'hetero_gat'?"
        >>> did_you_mean("x", ["hetero_gat", "mlp"])
        'There are: hetero_gat, mlp.'
        >>> did_you_mean("bf16", ["16-mixed", "32", "bf16-mixed"])
        "Did you mean 'bf16-mixed'?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if not near and len(name) > 1:
        near = [longer for longer in names if longer.startswith(name)][:3]
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    if listed:
        return "Give one of them."
    return f"There are: {', '.join(names)}." if names else "There are none."
