"""The contract of encoders, for those that are registered and for anybody's own."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.data.modalities import RawModality
from mmgraph.encoders import KINDS, Encoder
from mmgraph.encoders.cache import item_keys
from mmgraph.encoders.custom import CustomEncoder
from mmgraph.errors import ConfigError, Fault
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS
from mmgraph.testing.contract_error import ContractError
from mmgraph.testing.example_items import example_items
from mmgraph.testing.rule import Rule, choose_rules

_FEWEST = 4
_QUIET = Progress(quiet=True)


@dataclass(frozen=True, eq=False)
class EncoderSubject:
    """The encoder that is checked, and the items that it is checked on.

    Args:
        name: What to call it in messages.
        kind: Its class.
        parameters: Those that it is made with.
        raw: The items, of which the first half is trained on.
    """

    name: str
    kind: type[Encoder[Any, Any]]
    parameters: Mapping[str, Any]
    raw: RawModality

    def make(self) -> Encoder[Any, Any]:
        """Return a fresh one."""
        return self.kind.from_config(self.parameters, where=self.name)

    def describe(self, raw: RawModality | None = None) -> Any:
        """Return what a fresh one makes of some items, by default of all."""
        return self.make().describe(self.raw if raw is None else raw, _QUIET)

    def fitted(self, training: Any = None) -> tuple[Encoder[Any, Any], Any]:
        """Return one that is fitted on some descriptions, by default the first half, and all descriptions."""
        encoder, described = self.make(), self.describe()
        encoder.fit(described[self.half] if training is None else training)
        return encoder, described

    @property
    def half(self) -> Any:
        """Which items are trained on, bool [M]."""
        return np.arange(len(self.raw)) < len(self.raw) // 2


def check_encoder(
    encoder: str | type[Encoder[Any, Any]],
    *,
    parameters: Mapping[str, Any] | None = None,
    items: RawModality | None = None,
    skip: Collection[str] = (),
) -> None:
    """Check that an encoder keeps to everything that the cache, a graph or new entities rely on.

    The rules are those of ``ENCODER_RULES``.

    Args:
        encoder: A registered name, or a subclass of :class:`mmgraph.Encoder`.
        parameters: Its parameters, where the defaults will not do.
        items: At least four different items of its kind; nothing for sixteen made on the spot.
        skip: The names of rules to leave out.

    Raises:
        ContractError: If a rule is broken; all broken rules are listed.
        ConfigError: If there is no rule of a name in ``skip``, or there are too few items.
        UnknownNameError: If there is no encoder of that name.

    Example:
        >>> check_encoder("hashed_ngrams")
    """
    kind = ENCODERS.get(encoder) if isinstance(encoder, str) else encoder
    name = encoder if isinstance(encoder, str) else encoder.__name__
    rules = choose_rules(ENCODER_RULES, skip)
    if items is not None and len(items) < _FEWEST:
        raise ConfigError(f"got {len(items)}; wanted at least {_FEWEST}", where="items", fix="Give more.")
    with tempfile.TemporaryDirectory() as folder:
        raw = example_items(kind.kind, Path(folder)) if items is None else items
        subject = EncoderSubject(name, kind, parameters or {}, raw)
        if subject.make().several:
            raise ConfigError(
                "got an encoder that describes an item by several rows; the rules are about one",
                where=name,
                fix="Give parameters with which it pools.",
            )
        broken: list[Fault] = []
        for rule in rules:
            if (fault := rule.broken_by(subject)) is not None:
                broken.append(fault)
    if broken:
        raise ContractError.of(broken)


def _declared(subject: EncoderSubject) -> Iterator[str]:
    kind = subject.kind
    if kind.kind not in KINDS:
        yield f"the kind {kind.kind!r}"
    if not isinstance(kind.version, int) or kind.version < 1:
        yield f"the version {kind.version!r}"
    if issubclass(kind, CustomEncoder):
        # Of a function the signature says what there is.
        return
    text = inspect.getdoc(kind) or ""
    for parameter, about in kind.config_model().model_fields.items():
        if not about.description or f"{parameter}:" not in text:
            yield f"the parameter {parameter!r} without a description"


def _rows(subject: EncoderSubject) -> Iterator[str]:
    encoder, described = subject.fitted()
    features, wanted = encoder.transform(described), (len(subject.raw), encoder.channels)
    if features.dtype != np.float32 or features.shape != wanted:
        yield f"{features.dtype} features of shape {features.shape}, with {wanted[1]} channels"
    elif not np.isfinite(features).all():
        yield "features that are not finite"


def _distinct(subject: EncoderSubject) -> Iterator[str]:
    encoder, described = subject.fitted()
    if (different := len(np.unique(encoder.transform(described), axis=0))) < len(set(item_keys(subject.raw))):
        yield f"{different} different features of {len(subject.raw)} items"


def _alone(subject: EncoderSubject) -> Iterator[str]:
    together = subject.describe()
    backwards = np.arange(len(subject.raw))[::-1]
    for rows in (backwards, backwards[::2], backwards[:1]):
        if not _same(subject.describe(subject.raw.take(rows)), _take(together, rows)):
            yield f"other descriptions of {len(rows)} of {len(subject.raw)} items"


def _inputs(subject: EncoderSubject) -> Iterator[str]:
    before = item_keys(subject.raw)
    encoder, described = subject.fitted()
    if item_keys(subject.raw) != before:
        yield "items that describe changed"
    copy = described.copy()
    encoder.transform(described)
    if not _same(described, copy):
        yield "descriptions that transform changed"


def _one_item(subject: EncoderSubject) -> Iterator[str]:
    described = subject.describe()
    encoder, _ = subject.fitted(described[np.arange(len(subject.raw)) < 1])
    if not np.isfinite(encoder.transform(described)).all():
        yield "features that are not finite, fitted on one item"


def _new_items(subject: EncoderSubject) -> Iterator[str]:
    encoder, described = subject.fitted()
    together = encoder.transform(described)
    for row in range(len(subject.raw)):
        alone = encoder.transform(_take(described, np.array([row])))
        if not np.allclose(alone[0], together[row], rtol=1e-4, atol=1e-5):
            yield f"features that differ by up to {np.abs(alone[0] - together[row]).max():.2g}"


def _repeated(subject: EncoderSubject) -> Iterator[str]:
    (one, described), (other, again) = subject.fitted(), subject.fitted()
    if not _same(described, again) or _content(one) != _content(other):
        yield "another description or state, the second time"
    elif one.transform(described).tobytes() != other.transform(again).tobytes():
        yield "other features, the second time"


def _state(subject: EncoderSubject) -> Iterator[str]:
    encoder, described = subject.fitted()
    state, arrays = encoder.state()
    if unusual := [name for name, array in arrays.items() if array.dtype.kind not in "fiub"]:
        yield f"arrays that are not numbers: {', '.join(unusual)}"
    copied = json.loads(json.dumps(state, allow_nan=False))
    again = subject.kind.from_state(copied, arrays)
    if again.channels != encoder.channels:
        yield f"{again.channels} channels in place of {encoder.channels}"
    elif again.transform(described).tobytes() != encoder.transform(described).tobytes():
        yield "other features from the restored encoder"


def _not_fitted(subject: EncoderSubject) -> Iterator[str]:
    encoder, described = subject.make(), subject.describe()
    for what, use in (("transform", lambda: encoder.transform(described)), ("state", encoder.state)):
        try:
            use()
        except ConfigError:
            continue
        yield f"no error from {what}"


def _learns(subject: EncoderSubject) -> Iterator[str]:
    one, described = subject.fitted()
    # Halves may have the same mean and spread by chance, and single items then have not.
    parts = [described[~subject.half], described[:1], described[-1:]]
    changed = any(_content(subject.fitted(part)[0]) != _content(one) for part in parts)
    if changed is not subject.kind.learns:
        yield f"learns = {subject.kind.learns}, and the opposite"


def _content(encoder: Encoder[Any, Any]) -> tuple[str, dict[str, bytes]]:
    state, arrays = encoder.state()
    return json.dumps(state, sort_keys=True), {name: array.tobytes() for name, array in arrays.items()}


def _take(described: Any, rows: Any) -> Any:
    if isinstance(described, pd.DataFrame):
        return described.iloc[rows].reset_index(drop=True)
    return described[rows]


def _same(one: Any, other: Any) -> bool:
    """Return whether descriptions are the same, bit for bit."""
    if isinstance(one, pd.DataFrame):
        return one.reset_index(drop=True).equals(other.reset_index(drop=True))
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other) if one.dtype == object else one.tobytes() == other.tobytes())


ENCODER_RULES: tuple[Rule[EncoderSubject], ...] = (
    Rule(
        "declaration",
        "a kind of modality, a version of at least 1, and every parameter described",
        "Set kind and version, and describe parameters by pydantic's Field and in the docstring.",
        _declared,
    ),
    Rule("features", "finite float32 features, [items, channels]", "Mend transform or channels.", _rows),
    Rule("distinct", "different features of different items", "Keep what tells items apart.", _distinct),
    Rule(
        "alone",
        "the same bits of an item, whatever it is described with, as the cache keeps each by itself",
        "Describe items one by one, or in batches of one shape.",
        _alone,
    ),
    Rule("inputs", "nothing changed in place", "Copy what you change.", _inputs),
    Rule("one item", "that one training item is enough", "Mind spreads of 0.", _one_item),
    Rule("new items", "the features that an item has among others", "Look at each row alone.", _new_items),
    Rule("repetition", "the same bits twice", "Seed what is random.", _repeated),
    Rule(
        "state",
        "a state of JSON and plain arrays that gives the same features",
        "Put all that fit learns into fitted_state, and take it back in restore.",
        _state,
    ),
    Rule(
        "before fitting",
        "a ConfigError before it is fitted",
        "Read what fit learns from self.fitted.",
        _not_fitted,
    ),
    Rule("learns", "a state that depends on training items if learns says so", "Set learns.", _learns),
)
"""All rules that an encoder keeps to."""
