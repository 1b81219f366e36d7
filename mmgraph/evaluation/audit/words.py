"""Texts as words, to see whether one stands in another."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")


def words_of(text: str) -> str:
    """Return the words of a text in small letters, each between two spaces.

    Example:
        >>> words_of("Black-chess  Knight!")
        ' black chess knight '
    """
    return " ".join(["", *_WORD.findall(text.lower()), ""])


def stands_in(part: str, whole: str) -> bool:
    """Return whether some words stand in a text one after the other; no words stand in none.

    Args:
        part: From :func:`words_of`.
        whole: The same.
    """
    return bool(part.strip()) and part in whole
