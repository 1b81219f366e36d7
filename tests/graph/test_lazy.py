"""Values that are loaded when they are asked for."""

from __future__ import annotations

import pytest

from mmgraph.graph.lazy import LazyMapping


def test_a_value_is_loaded_once_and_only_if_asked_for():
    asked = []

    def load(key: str) -> str:
        asked.append(key)
        return key.upper()

    lazy = LazyMapping(["b", "a"], load)
    assert list(lazy) == ["b", "a"]
    assert len(lazy) == 2
    assert "a" in lazy
    assert "c" not in lazy
    assert asked == []
    assert (lazy["a"], lazy["a"], lazy.get("c")) == ("A", "A", None)
    assert asked == ["a"]
    assert dict(lazy) == {"b": "B", "a": "A"}


def test_an_unknown_key_is_not_loaded():
    lazy = LazyMapping(["a"], lambda key: 1 / 0)
    with pytest.raises(KeyError, match="b"):
        lazy["b"]
