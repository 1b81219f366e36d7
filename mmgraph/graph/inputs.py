"""The content of what relations are built from, as hashes."""

from __future__ import annotations

import functools
import inspect
import secrets
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from mmgraph.encoders.cache import add_content
from mmgraph.encoders.placement import placement
from mmgraph.errors import MMGraphError
from mmgraph.file_hashes import FileHashes
from mmgraph.graph.fingerprint import add_text
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.relation import RelationBuilder
from mmgraph.graph.watch import EVERYTHING
from mmgraph.hashing import Hasher

_WORDS = {
    "ids": "the ids of {}",
    "rows": "the table of {}",
    "training": "which of {} are training ones",
    "nodes": "which nodes {} has",
    "node_rows": "the table behind {}",
    "node_training": "which of {} are training ones",
    "features": "the features of {}",
    "content": "the content of {}",
    "file": "{}",
    "relation": "the relation {}",
    "yaml": "entities, splits or tasks in dataset.yaml",
    EVERYTHING: "a file of the dataset",
    "code": "the code of its builder",
    "how": "its builder or parameters",
}


def in_words(key: str) -> str:
    """Return what an input is called.

    Example:
        >>> in_words("ids:country")
        'the ids of country'
    """
    kind, _, name = key.partition(":")
    return _WORDS[kind].format(name)


class Inputs:
    """Hashes what relations are built from, each thing once.

    Args:
        factory: Makes the nodes.
        output: Returns the hash of what a relation came out as, nothing for one that is not built.
    """

    def __init__(self, factory: NodeFactory, output: Callable[[str], str]) -> None:
        self._factory = factory
        self._output = output
        self._files = FileHashes()
        self._known: dict[str, str] = {}

    def hash(self, key: str) -> str:
        """Return the hash of an input, e.g. ``ids:country``; of one that is not there, nothing.

        Args:
            key: Kind and name, as :class:`mmgraph.graph.watch.Watched` notes them.
        """
        kind, _, name = key.partition(":")
        if kind == "relation":
            return self._output(name)
        if key not in self._known:
            try:
                self._known[key] = self._hash(kind, name)
            except (MMGraphError, OSError, KeyError):
                # Whoever reads it will say what is wrong with it.
                return ""
        return self._known[key]

    def set(self, key: str, known: str) -> None:
        """Set the hash of an input that is known from before."""
        self._known[key] = known

    def _hash(self, kind: str, name: str) -> str:
        factory, dataset, hasher = self._factory, self._factory.dataset, Hasher()
        match kind:
            case "ids":
                add_text(hasher, dataset.id_text(name))
            case "rows":
                entity = dataset.spec.entities[name]
                if entity.values_of is not None:
                    return self.hash(f"rows:{entity.values_of.entity}")
                assert entity.table is not None
                hasher.text(self._files.get(dataset.folder / entity.table))
            case "training":
                hasher.array(dataset.training_rows(name))
            case "nodes":
                hasher.text(self.hash(f"ids:{factory.parts(name)[0]}"))
                hasher.array(factory.entity_index(name))
            case "node_rows" | "node_training":
                hasher.text(self.hash(f"{kind.removeprefix('node_')}:{factory.parts(name)[0]}"))
            case "features":
                hasher.array(factory.encoded(name).features)
            case "content":
                if factory.is_modality(name):
                    add_content(hasher, factory.raw(name))
                    if mark := placement().mark:
                        hasher.json(mark)
                    if (position := factory.position(name)) is not None:
                        hasher.array(position)
            case "file":
                hasher.text(self._files.get(dataset.folder / name))
            case "yaml":
                spec = dataset.spec.model_dump(mode="json")
                hasher.json({part: spec[part] for part in ("entities", "splits", "tasks")})
            case _:
                assert kind == EVERYTHING, kind
                hasher.text(dataset.fingerprint())
        return hasher.hexdigest()


def is_pure(builder: RelationBuilder) -> bool:
    """Return whether a builder reads nothing but its context: mmgraph's own, and others that say so."""
    own = getattr(builder, "function", None) is None and type(builder).__module__.startswith("mmgraph.")
    return own or builder.pure


def code_hash(builder: RelationBuilder) -> str:
    """Return the hash of the code that makes a relation: mmgraph's own, and the file of a user's builder."""
    function = getattr(builder, "function", None)
    thing = type(builder) if function is None else inspect.unwrap(function)
    hasher = Hasher().text(own_code())
    if not thing.__module__.startswith("mmgraph."):
        file = inspect.getsourcefile(thing) if inspect.isfunction(thing) else _file_of(thing)
        if file is not None and Path(file).is_file():
            hasher.file(Path(file))
        else:
            hasher.text(_source(thing))
    return hasher.hexdigest()


def _file_of(kind: type) -> str | None:
    try:
        return inspect.getsourcefile(kind)
    except (OSError, TypeError):
        return None


def _source(thing: object) -> str:
    try:
        return inspect.getsource(thing)  # type: ignore[arg-type]
    except (OSError, TypeError):
        # Typed in somewhere: nobody knows whether it is the same another time.
        return secrets.token_hex()


@functools.cache
def own_code() -> str:
    """Return the hash of mmgraph's own code that makes nodes and relations."""
    package = Path(__file__).parents[1]
    hasher = Hasher().text(version("mmgraph"))
    for part in ("data", "encoders", "graph", "relations"):
        for file in sorted((package / part).glob("**/*.py")):
            hasher.text(str(file.relative_to(package))).file(file)
    return hasher.hexdigest()
