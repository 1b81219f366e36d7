"""The entries of a comparison: a model, a model with overrides, or a baseline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmgraph.errors import ConfigError, UnknownNameError, did_you_mean
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.registry import MODELS

_ENTRY = re.compile(r"(?P<model>[^\[\]]+)(\[(?P<overrides>[^\[\]]*)\])?")


@dataclass(frozen=True)
class Entry:
    """One row of a comparison.

    Args:
        name: What the row is called: the text that it was parsed from.
        model: The name of a model or of a baseline, or the path to a model's config.
        overrides: Config overrides, each ``key=value``.
    """

    name: str
    model: str
    overrides: tuple[str, ...] = ()

    @property
    def is_baseline(self) -> bool:
        """Whether the entry is a scikit-learn baseline, which has no seed and no graph."""
        return self.model in BASELINES

    @property
    def folder(self) -> str:
        """The name as one that a folder can have."""
        return re.sub(r"[^A-Za-z0-9_.=+-]+", "-", self.name).strip("-.")


def parse_entry(text: str) -> Entry:
    """Return the entry that a text such as ``hetero_gat[edges=none]`` stands for.

    Args:
        text: A model or baseline; for a model, overrides in brackets, separated by commas.

    Raises:
        ConfigError: If the text has another form.
        UnknownNameError: If there is no such model or baseline.

    Example:
        >>> parse_entry("hetero_gat[edges=none,model.heads=8]").overrides
        ('edges=none', 'model.heads=8')
    """
    match = _ENTRY.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"got {text!r}; wanted MODEL or MODEL[key=value,...]",
            where="--models",
            fix="Write e.g. hetero_gat[edges=none].",
        )
    model = match["model"].strip()
    overrides = tuple(part.strip() for part in (match["overrides"] or "").split(",") if part.strip())
    if model in BASELINES:
        if overrides:
            raise ConfigError(
                f"the baseline {model!r} has no config, so {overrides[0]!r} cannot be set", where="--models"
            )
    elif model not in MODELS and Path(model).suffix not in {".yaml", ".yml"}:
        known = [*MODELS.names(), *BASELINES]
        raise UnknownNameError(
            f"there is no model or baseline {model!r}", where="--models", fix=did_you_mean(model, known)
        )
    return Entry(text.strip(), model, overrides)


def parse_entries(texts: Iterable[str]) -> list[Entry]:
    """Return the entries of a comparison, each of which must stand once.

    Raises:
        ConfigError: If there is none, or one stands twice.
    """
    entries = [parse_entry(text) for text in texts]
    if not entries:
        raise ConfigError(
            "got no model; wanted at least one", where="--models", fix="Write e.g. --models mlp,hetero_gat."
        )
    seen: dict[str, str] = {}
    for entry in entries:
        if entry.folder in seen:
            raise ConfigError(
                f"{entry.name!r} and {seen[entry.folder]!r} are the same entry", where="--models"
            )
        seen[entry.folder] = entry.name
    return entries


def split_list(text: str) -> Sequence[str]:
    """Return the parts of a list separated by commas, where commas in brackets separate nothing.

    Example:
        >>> split_list("mlp, hetero_gat[edges=none,model.heads=8]")
        ['mlp', 'hetero_gat[edges=none,model.heads=8]']
    """
    parts = re.findall(r"(?:[^,\[\]]|\[[^\]]*\]?|\])+", text)
    return [part.strip() for part in parts if part.strip()]
