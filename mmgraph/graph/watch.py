"""Watches what a relation builder reads, so that a later build knows whether any of it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Note = Callable[[str, str], None]
"""Told the kind and the name of something that is read, e.g. ``("ids", "country")``."""

Rules = Mapping[str, tuple[str, ...]]
"""By attribute, the kinds of what it reads of the thing that its first argument names."""

DATASET: Rules = {
    # dataset.yaml counts as read in any case.
    "spec": (),
    "folder": (),
    "file": (),
    "entity_ids": ("ids",),
    "id_index": ("ids",),
    "num_entities": ("ids",),
    "id_text": ("ids",),
    "entity_table": ("rows",),
    "frame": ("rows",),
    "titles": ("rows",),
    "training_rows": ("training",),
    "table": ("file",),
    "table_file": ("file",),
}

FACTORY: Rules = {
    "parts": (),
    "names": (),
    "modalities": (),
    "is_modality": (),
    "readers": (),
    "targets": (),
    "num_nodes": ("nodes",),
    "entity_index": ("nodes",),
    "encoded": ("features", "nodes"),
    "encoded_by": ("content", "nodes", "node_training"),
    "raw": ("content", "nodes"),
    "position": ("content", "nodes"),
    "nodes": ("content", "nodes", "node_rows", "node_training"),
}

EVERYTHING = "everything"


class Watched:
    """Stands for a thing, and notes what is read of it.

    What no rule knows counts as reading everything there is: a builder may do as it likes, and pays for it by
    being built again more often.

    Args:
        thing: The thing.
        rules: What reading its attributes means.
        note: Told what is read.
        parts: Attributes that others stand for, being watched themselves.
    """

    def __init__(self, thing: Any, rules: Rules, note: Note, **parts: Any) -> None:
        self._thing, self._rules, self._note, self._parts = thing, rules, note, parts

    def __getattr__(self, name: str) -> Any:
        if name in self._parts:
            return self._parts[name]
        found = getattr(self._thing, name)
        if name not in self._rules:
            self._note(EVERYTHING, "")
            return found
        kinds = self._rules[name]
        if not kinds:
            return found

        def read(of: str, *arguments: Any, **named: Any) -> Any:
            for kind in kinds:
                self._note(kind, of)
            return found(of, *arguments, **named)

        return read
