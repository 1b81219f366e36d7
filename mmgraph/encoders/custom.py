"""A user's own encoder: one plain function, made an encoder by a decorator."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.counted import counted
from mmgraph.custom_function import Function, Wanted, check_name, class_of, line_of
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.broken_items import broken_items, item_name
from mmgraph.encoders.build import KINDS
from mmgraph.encoders.encoder import Arrays, State
from mmgraph.encoders.standardise import Standardise
from mmgraph.errors import ConfigError, DataError, MMGraphError, did_you_mean
from mmgraph.hashing import Hasher
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_FILES = ("image", "audio", "video", "regions")
_ABOUT_METHOD = (
    "Args:\n    method: ``standard``, or ``none`` to leave the vectors as the function makes them."
)


@dataclass(kw_only=True, eq=False)
class CustomEncoder(Standardise):
    """Calls a user's function for vectors, and scales them. :func:`encoder` makes a subclass for each.

    Args:
        method: ``standard``, or ``none`` to leave the vectors as the function makes them.

    Attributes:
        function: The function as the user wrote it.
    """

    cached: ClassVar[bool] = True
    function: ClassVar[Function]
    _where: ClassVar[str | None]
    _fix: ClassVar[str] = "Mend the function, and raise its version."
    _has_changed = False
    """Whether the function does something else than when this was fitted, as far as its code tells."""

    def description_parameters(self) -> dict[str, Any]:
        """Return the function's own parameters, and what its code does."""
        own = {name: value for name, value in self.parameters().items() if name != "method"}
        return {**own, "function": self._code()}

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return mean and spread, and what the function's code does."""
        state, arrays = super().fitted_state()
        return {**state, "function": self._code(), "python": _PYTHON}, arrays

    def restore(self, state: State, arrays: Arrays) -> None:
        """Take over mean and spread; whether the function is still the same is told of new items."""
        super().restore(state, arrays)
        # Another Python spells the same code in another way.
        comparable = state.get("python") == _PYTHON
        self._has_changed = comparable and state["function"] != self._code()

    def unseen(self, raw: RawModality) -> list[str]:
        """Return for each item that the function has changed, if it has."""
        note = "the code of its encoder has changed since the graph was built" if self._has_changed else ""
        return [note] * len(raw)

    def _code(self) -> str:
        return Hasher().json(_spelled(self.function.__code__)).hexdigest()

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return what the function makes of the items, float32 [M, D].

        Raises:
            DataError: If the function raises, or returns something else than finite numbers, a row for each
                item. Of files those that it raises for by themselves are broken.
        """
        with progress.job(f"encode {raw.kind}", total=len(raw)) as advance:
            try:
                made = self._call(raw)
            except MMGraphError:
                raise
            except (Exception, SystemExit) as error:
                raise self._explained(error, raw) from error
            advance(len(raw))
        vectors = self._checked(made, len(raw))
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(broken):
            raise self._refused({int(row): "became numbers that are not finite" for row in broken}, raw)
        return vectors

    def _call(self, raw: RawModality) -> Any:
        own = {name: value for name, value in self._given().items() if name != "method"}
        values = raw.values
        return self.function(
            values.copy() if isinstance(values, (np.ndarray, pd.DataFrame)) else list(values), **own
        )

    def _checked(self, made: Any, number: int) -> npt.NDArray[np.float32]:
        """Return what the function made as vectors of some items, float32 [M, D]."""
        try:
            with np.errstate(over="ignore"):
                vectors = np.asarray(made, dtype=np.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"returned {type(made).__name__}, which is no array of numbers: {error}",
                where=f"encoder {self._where}",
                fix="Return an array, a CPU tensor without gradient or a list of rows.",
            ) from None
        if vectors.ndim != 2 or len(vectors) != number or not vectors.shape[1]:
            raise DataError(
                f"returned an array of shape {list(vectors.shape)} for {counted(number, 'item')}; wanted "
                f"[{number}, D], a row of numbers for each",
                where=f"encoder {self._where}",
                fix="Mend the function; reshape(-1, 1) makes rows of one number each.",
            )
        return vectors

    def _explained(self, error: BaseException, raw: RawModality) -> MMGraphError:
        """Return the error for what the function raised: it names the items for which it does alone."""
        problems = {}
        for row in range(len(raw)):
            try:
                self._call(raw.take(np.array([row])))
            except MMGraphError as own:
                return own
            except (Exception, SystemExit) as alone:
                problems[row] = self._raised(alone)
                if raw.kind not in _FILES:
                    break
        if problems:
            return self._refused(problems, raw)
        return DataError(
            f"{self._raised(error)} for {counted(len(raw), 'item')} together, and for none of them alone",
            where=f"encoder {self._where}",
            fix="Mend the function; --debug shows the whole traceback.",
        )

    def _raised(self, error: BaseException) -> str:
        return (
            f"made the encoder {self._where} raise {type(error).__name__}: {error} "
            f"({line_of(error, self.function)})"
        )

    def _refused(self, problems: Mapping[int, str], raw: RawModality) -> DataError:
        """Return the error for items that the function cannot encode."""
        if raw.kind in _FILES:
            return broken_items(problems, raw)
        first, problem = min(problems.items())
        return DataError(
            f"{item_name(raw, first)} {problem}",
            where=f"encoder {self._where}",
            fix="Mend the item or the function; --debug shows the whole traceback.",
        )


_WANTED = Wanted(
    ("items",), "Take the items, then '*', then what can be set in YAML.", CustomEncoder, "encoders"
)


def encoder(name: str, *, kind: str, version: int = 1) -> Callable[[Function], type[Any]]:
    """Return a decorator that makes an encoder of a plain function.

    The function gets some items of one kind and returns their vectors, [M, D]: an array, a tensor or a list
    of rows. Texts come as a list of text, images, sounds and videos as a list of paths, features as an array
    [M, D], rows of a table as a data frame, regions and pairs as a list of objects. Its further parameters
    are keyword-only, have types, and are the encoder's parameters.

    What it makes of an item must not depend on the other items: vectors are kept, each by the content of its
    item, and ``mmgraph.testing.check_encoder`` finds out. They are made anew where the function's own code
    changes, and where ``version`` does. Then they are scaled as precomputed features are: zero mean and unit
    variance over the training items, or, with ``method: none``, not at all.

    Where it raises for files, those that it raises for by themselves are broken files, which ``on_error:
    skip`` leaves out.

    The encoder is registered, so that ``dataset.yaml`` can name it. Whoever opens a graph that was built with
    it needs it registered as well, to encode new entities. The function becomes a class like
    :class:`Encoder`; as it was written it stays at hand as ``lengths.function``.

    Args:
        name: The encoder's name.
        kind: The kind of modality that it reads, e.g. ``text``.
        version: To be raised whenever the same items give other vectors than before, e.g. as a function that
            it calls has changed, or a file that it reads.

    Raises:
        ConfigError: If the name, the kind, the version or the function's signature cannot be used.

    Example:
        >>> @encoder("letters_and_words", kind="text")
        ... def letters_and_words(texts: list[str], *, longest: int = 80):
        ...     return [[min(len(text), longest), len(text.split())] for text in texts]
        >>> letters_and_words(longest=20).parameters()
        {'method': 'standard', 'longest': 20}
    """
    check_name(name, thing="encoder")
    where = f"@encoder {name}"
    if kind not in KINDS:
        raise ConfigError(f"there is no kind {kind!r}", where=where, fix=did_you_mean(str(kind), KINDS))
    if type(version) is not int or version < 1:
        raise ConfigError(
            f"got the version {version!r}; wanted a whole number of at least 1", where=where, fix="Change it."
        )

    def decorator(function: Function) -> type[Any]:
        about = inspect.getdoc(function) or f"The encoder {name}."
        made = class_of(
            function,
            _WANTED,
            where=where,
            namespace={
                "__doc__": f"{about}\n\n{_ABOUT_METHOD}",
                "_where": name,
                "kind": kind,
                "version": version,
            },
            frozen=False,
        )
        ENCODERS.register(name)(made)
        return made

    return decorator


def _spelled(code: Any) -> Any:
    """Return what a function's code does as JSON values; comments and where it stands do not count."""
    if isinstance(code, CodeType):
        return [
            code.co_code.hex(),
            code.co_exceptiontable.hex(),
            [code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
            [list(names) for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)],
            [_spelled(constant) for constant in code.co_consts],
        ]
    if isinstance(code, (tuple, frozenset)):
        parts = [_spelled(part) for part in code]
        # A set's order differs from one process to the next.
        return sorted(parts, key=repr) if isinstance(code, frozenset) else parts
    return repr(code)
