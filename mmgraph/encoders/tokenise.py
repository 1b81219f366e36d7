"""Texts to the ids of their tokens, in a memory that does not grow with how long or how many they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmgraph.encoders.portions import portions

CHARACTERS_A_TOKEN = 1_000
"""Of a text the tokens of so many characters for each that is kept can be among these."""

_AT_A_TIME = 1 << 21
"""About how many characters are tokenised at a time, which takes some hundred bytes for each."""


def token_ids(
    tokenizer: Any, texts: Sequence[str], *, most: int, padding: str | bool = False
) -> list[list[int]]:
    """Return the token ids of each text.

    Args:
        tokenizer: One of the transformers library.
        texts: The texts. What lies beyond 1,000 characters for each token is not looked at: of 20 MB, a model
            that reads 512 tokens sees the first few kB, and tokenising the rest takes gigabytes.
        most: The most tokens to keep of each.
        padding: As the tokenizer takes it.
    """
    found: list[list[int]] = []
    for some in portions([shortened(tokenizer, text, most) for text in texts], characters=_AT_A_TIME):
        found += tokenizer(some, truncation=True, max_length=most, padding=padding)["input_ids"]
    return found


def shortened(tokenizer: Any, text: str, most: int) -> str:
    """Return the part of a text that its tokens are taken from: its beginning, or its end where a tokenizer
    cuts texts on the left.

    Args:
        tokenizer: One of the transformers library.
        text: The text.
        most: The most tokens to keep of it.
    """
    limit = most * CHARACTERS_A_TOKEN
    if len(text) <= limit:
        return text
    return text[-limit:] if getattr(tokenizer, "truncation_side", "right") == "left" else text[:limit]
