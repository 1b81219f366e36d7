"""Texts some at a time, so that memory does not grow with how many or how long they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def portions(texts: Sequence[str], *, characters: int, most: int | None = None) -> Iterator[list[str]]:
    """Yield texts in their order, some at a time; one that is longer by itself comes alone.

    Args:
        texts: The texts.
        characters: How many characters they have together at most.
        most: How many of them come at a time at most; nothing for any number.

    Example:
        >>> list(portions(["abc", "de", "fghijk", ""], characters=5))
        [['abc', 'de'], ['fghijk'], ['']]
    """
    some: list[str] = []
    held = 0
    for text in texts:
        if some and (held + len(text) > characters or len(some) == most):
            yield some
            some, held = [], 0
        some.append(text)
        held += len(text)
    if some:
        yield some
