"""A question to a search as somebody types it: an id, a JSON row, texts, pictures, sounds, with weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgraph.data.tables import json_row
from mmgraph.errors import ConfigError
from mmgraph.graph.preview import can_draw, thumbnail
from mmgraph.serving.query import Query, files_together
from mmgraph.serving.search import Found, VectorSearch


@dataclass(frozen=True)
class Question:
    """What is searched for.

    Args:
        name: The id of an entity; nothing for a new one alone.
        row: The columns of a new one; none for an entity alone.
        folder: Where the files are that the row names.
        weights: By modality, how much it counts.
        words: For people: pairs of a name and a text.
        pictures: For people: the modality, the kind and the file of each picture, sound and video.
    """

    name: str | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    words: tuple[tuple[str, str], ...] = ()
    pictures: tuple[tuple[str, str, Path], ...] = ()

    def ask(self, search: VectorSearch, *, k: int, where: Sequence[str], side: str | None = None) -> Found:
        """Return what a search finds.

        Args:
            search: The search.
            k: How many entities.
            where: Conditions.
            side: Of a retrieval, the modality by which entities are found.

        Raises:
            MMGraphError: If the question, or a condition, cannot be used.
        """
        if self.name is not None and not self.row:
            return search.like(self.name, k=k, where=where, side=side)
        return search.find(
            self.row,
            like=self.name,
            weights=self.weights,
            folder=self.folder,
            k=k,
            where=where,
            side=side,
        )

    def thumbnails(self) -> list[tuple[str, bytes]]:
        """Return pictures, sounds and videos as small PNGs, each with its modality."""
        return [(modality, thumbnail(file, kind)) for modality, kind, file in self.pictures if can_draw(kind)]


def read_question(
    search: VectorSearch,
    query: str | None,
    *,
    text: Sequence[str] = (),
    image: Sequence[str] = (),
    audio: Sequence[str] = (),
    video: Sequence[str] = (),
    weight: Sequence[str] = (),
) -> Question:
    """Return what somebody asks.

    Args:
        search: The search.
        query: An id, alone or beside the others, or a JSON object; nothing if the others say all.
        text: ``TEXT`` or ``MODALITY=TEXT`` of a new entity.
        image: ``FILE`` or ``MODALITY=FILE``.
        audio: The same.
        video: The same.
        weight: ``MODALITY=NUMBER``, also ``text=NUMBER`` where there is one text, and ``id=NUMBER``.

    Raises:
        ConfigError: If nothing is asked, an id alone has weights, or something cannot be read.
        DataError: If the JSON is no row.
    """
    given = {"text": text, "image": image, "audio": audio, "video": video}
    described = any(given.values())
    name = query if query is not None and _is_id(search, query) else None
    if name is not None and not described:
        if weight:
            raise ConfigError(
                f"there is nothing to weigh the id {name!r} against",
                where="--weight",
                fix="Leave it out, or give --text, --image, --audio or --video as well.",
            )
        return Question(name, words=((search.entity, name),))
    if query is None and not described:
        raise ConfigError(
            "nothing is searched for",
            where="query",
            fix="Give the id of an entity, or --text, --image, --audio, --video, or a JSON row.",
        )
    row = {} if query is None or name is not None else json_row(query, "query")
    words = [] if name is None else [(search.entity, name)]
    words += [(column, str(value)) for column, value in row.items() if value is not None]
    asked, files, kinds = search.query, {}, {}
    for kind, values in given.items():
        for value in values:
            modality, content = asked.chosen(kind, value)
            if modality in kinds:
                raise ConfigError(
                    f"{modality!r} is given twice",
                    where=f"--{kind}",
                    fix="An entity has one of each modality.",
                )
            kinds[modality] = kind
            if kind == "text":
                row[asked.column(modality)] = content
            else:
                files[modality] = Path(content)
            words.append((modality, content))
    folder, names = files_together(files) if files else (None, {})
    for modality, file in names.items():
        row[asked.column(modality)] = file
    pictures = tuple((modality, kinds[modality], file) for modality, file in files.items())
    return Question(name, row, folder, _weights(weight, kinds, asked), tuple(words), pictures)


def _is_id(search: VectorSearch, query: str) -> bool:
    """Return whether a text is an id: what could be JSON only if there is such an entity."""
    ids = search.run.graph.nodes[search.entity]["id"]
    return not query.lstrip().startswith("{") or bool((ids == query).any())


def _weights(given: Sequence[str], kinds: Mapping[str, str], query: Query) -> dict[str, float]:
    """Return weights by modality; a kind will do where one modality of it is asked for."""
    weights = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            raise ConfigError(
                f"got {text!r}; wanted MODALITY=NUMBER", where="--weight", fix="Write e.g. --weight text=2."
            ) from None
        of_kind = [modality for modality, kind in kinds.items() if kind == name]
        known = name in query.modalities or len(of_kind) != 1
        weights[name if known else of_kind[0]] = value
    return weights
