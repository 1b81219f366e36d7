"""What is searched for: a new entity that a row describes, whole, or part by part with weights."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.data.files import no_such_file
from mmgraph.data.spec import EntitySpec
from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.graph import Graph
from mmgraph.graph.attach import spec_of_new
from mmgraph.serving.new_rows import columns_of, unread_columns
from mmgraph.serving.predictor import Predictor
from mmgraph.serving.vector_index import as_units

KNOWN = "id"
"""What weights call a known entity that is a part of a query."""

_TYPED = ("text", "image", "audio", "video")
"""The kinds of modalities that options of the command line give."""

# Comparing an id with more of them takes seconds.
_COMPARED = 20_000


class Query:
    """Turns rows that describe what is searched for into vectors.

    Args:
        predictor: What embeds new entities.
        entity: Their entity type.
        sides: Of a retrieval, the modalities by which entities are seen one at a time, each with all
            modalities that are seen with it; nothing where entities are seen as a whole.

    Raises:
        GraphError: If the graph was not built from a dataset.
    """

    def __init__(
        self, predictor: Predictor, entity: str, *, sides: Mapping[str, Collection[str]] | None = None
    ) -> None:
        self._predictor, self._entity, self._sides = predictor, entity, sides
        self._spec: EntitySpec = spec_of_new(predictor.view).entities[entity]
        node_types = predictor.view.schema.node_types
        there = {t.modality for t in node_types if t.entity == entity and t.modality is not None}
        if sides is not None:
            there &= {name for seen in sides.values() for name in seen}
        self.modalities = {name: m for name, m in self._spec.modalities.items() if name in there}

    def column(self, modality: str) -> str:
        """Return the column that a modality of text, images, audio or video is read from."""
        return columns_of(self.modalities[modality])[0]

    def chosen(self, kind: str, given: str) -> tuple[str, str]:
        """Return the modality that a value is for, and the value, of ``VALUE`` or ``MODALITY=VALUE``.

        Args:
            kind: ``text``, ``image``, ``audio`` or ``video``.
            given: What stands on the command line.

        Raises:
            ConfigError: If there is no modality of this kind, or several and none is named, or another
                modality is named.
        """
        names = [name for name, modality in self.modalities.items() if modality.kind == kind]
        head, equals, value = given.partition("=")
        if equals and head in names:
            return head, value
        if equals and head in self._spec.modalities:
            there = self.modalities.get(head)
            what = "none that is seen here" if there is None else f"one of {there.kind}"
            raise ConfigError(
                f"{head!r} is a modality, but {what}",
                where=f"--{kind} {head}=",
                fix=f"Write --{there.kind} {head}=..."
                if there is not None and there.kind in _TYPED
                else f"Name one of {', '.join(self.modalities)}, or leave the name out.",
            )
        if len(names) == 1:
            return names[0], given
        if not names:
            kinds = sorted({modality.kind for modality in self.modalities.values()})
            raise ConfigError(
                f"{self._entity!r} has no modality of {kind} that the model sees",
                where=f"--{kind}",
                fix=f"It has {', '.join(kinds)}." if kinds else "Search by the id of an entity.",
            )
        raise ConfigError(
            f"{self._entity!r} has several modalities of this kind: {', '.join(names)}",
            where=f"--{kind}",
            fix=f"Name one: --{kind} {names[0]}=... ; the option may be given again.",
        )

    def parts(self, row: Mapping[str, Any]) -> list[str]:
        """Return the modalities that a row has; of a retrieval the sides.

        Args:
            row: Columns and values.

        Raises:
            ConfigError: If it has none.
        """
        if not self.modalities:
            raise ConfigError(
                f"{self._entity!r} has no modality that the model sees",
                where="query",
                fix="Search by the id of an entity.",
            )
        names = list(self.modalities if self._sides is None else self._sides)
        given = [name for name in names if self._has(row, name)]
        if not given:
            what = "modality" if self._sides is None else "side"
            columns = [column for name in names for column in columns_of(self.modalities[name])]
            absent = [column for column in columns if column not in row]
            near = {column for name in row for column in difflib.get_close_matches(name, absent, n=1)}
            raise ConfigError(
                f"got no {what}; wanted at least one of {', '.join(names)}",
                where="query",
                fix=f"Did you mean {' and '.join(map(repr, sorted(near)))}?"
                if near
                else "Give --text, --image, --audio, --video, or a JSON row with the columns of one.",
            )
        return given

    def vector(
        self,
        row: Mapping[str, Any],
        *,
        weights: Mapping[str, float] | None,
        folder: str | Path | None,
        known: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.float32], list[str]]:
        """Return the unit vector of a query, float32 [C], and what it does not rest on.

        Args:
            row: Columns and values.
            weights: By modality, how much it counts: each is then embedded alone, and the unit vectors are
                averaged; modalities that are not named weigh 1. Nothing to embed all together, as one entity.
                The sides of a retrieval are embedded alone in any case. ``id`` is what is known.
            folder: Where the files are that the row names.
            known: The unit vector of a known entity that is averaged with them, [C].

        Raises:
            ConfigError: If the row has no modality, or a weight cannot be used.
        """
        row = {name: value for name, value in row.items() if name != self._spec.id}
        given = self.parts(row)
        unread = self._unread(row)
        if weights:
            _check_weights(weights, given if known is None else [*given, KNOWN])
        if not weights and self._sides is None:
            unit, notes = self._embedded(row, folder)
            if known is None:
                return unit, [*unread, *notes]
            units, counts = [unit], [1.0]
        else:
            parts = [self._embedded(self._alone(row, name), folder, side=name) for name in given]
            units = [unit for unit, _ in parts]
            # What one part lacks, another may have.
            notes = [
                f"{name} alone: {note}" if len(given) > 1 else note
                for name, (_, said) in zip(given, parts, strict=True)
                for note in said
                if note
            ]
            counts = [(weights or {}).get(name, 1.0) for name in given]
        if known is not None:
            units, counts = [*units, known], [*counts, (weights or {}).get(KNOWN, 1.0)]
        mean = np.average(units, axis=0, weights=counts)
        return as_units(mean[None].astype(np.float32))[0], [*unread, *notes]

    def _unread(self, row: Mapping[str, Any]) -> list[str]:
        """Return a note for each column that nothing reads."""
        view = self._predictor.view
        unread = unread_columns(row, view, spec_of_new(view), self._entity)
        return [f"the column {name!r} is read by nothing" for name in unread]

    def _embedded(
        self, row: Mapping[str, Any], folder: str | Path | None, side: str | None = None
    ) -> tuple[NDArray[np.float32], list[str]]:
        """Return the unit vector of one entity, float32 [C], and what it does not rest on."""
        found = self._predictor.embed(
            [{self._spec.id: self._new_id(), **row}],
            entity=self._entity,
            side=None if self._sides is None else side,
            folder=folder,
        )
        return as_units(found.vectors)[0], found.notes

    def _has(self, row: Mapping[str, Any], modality: str) -> bool:
        cells = [row.get(column) for column in columns_of(self.modalities[modality])]
        # Only NaN, an empty cell of a table, differs from itself.
        return any(cell is not None and cell == cell and str(cell).strip() for cell in cells)

    def _alone(self, row: Mapping[str, Any], part: str) -> dict[str, Any]:
        """Return a row without the modalities that are not seen together with one."""
        seen = {part} if self._sides is None else set(self._sides[part])
        columns = {name: columns_of(modality) for name, modality in self._spec.modalities.items()}
        own = {column for name in seen for column in columns[name]}
        hidden = {column for name in columns.keys() - seen for column in columns[name]} - own
        return {name: value for name, value in row.items() if name not in hidden}

    def _new_id(self) -> str:
        """Return an id that no entity of the graph has."""
        known, name = self._predictor.view.nodes[self._entity]["id"], "query"
        while (known == name).any():
            name += "_"
        return name


def _check_weights(weights: Mapping[str, float], given: Sequence[str]) -> None:
    faults = Faults()
    for name, weight in weights.items():
        if name not in given:
            faults.add("--weight", f"the query has no {name!r}", did_you_mean(name, given))
        elif not (math.isfinite(weight) and weight > 0):
            faults.add("--weight", f"got {name}={weight:g}; wanted a number above 0", "Give e.g. 2.")
    faults.raise_if_any(ConfigError)


def files_together(files: Mapping[str, Path]) -> tuple[Path, dict[str, str]]:
    """Return a folder that all of some files are in, and their names there.

    Args:
        files: By any name, the file.

    Raises:
        ConfigError: If there is no such file.
    """
    real, faults = {}, Faults()
    for name, file in files.items():
        real[name] = file.resolve()
        if not real[name].is_file():
            faults.extend(no_such_file(file))
    faults.raise_if_any(ConfigError)
    parents = [set(file.parents) for file in real.values()]
    folder = max(set.intersection(*parents), key=lambda path: len(path.parts)) if parents else Path()
    return folder, {name: str(file.relative_to(folder)) for name, file in real.items()}


def row_of(graph: Graph, entity: str, name: str) -> int:
    """Return the row of an entity of a graph.

    Raises:
        ConfigError: If there is no such entity; the message offers the nearest ids.
    """
    ids = graph.nodes[entity]["id"]
    rows = np.flatnonzero((ids == name).to_numpy(bool))
    if not len(rows):
        near = difflib.get_close_matches(name, ids.head(_COMPARED), n=3)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check the id."
        raise ConfigError(
            f"there is no {entity} {name!r}",
            where="query",
            fix=f"{hint} --text and its like seek by content.",
        )
    return int(rows[0])
