"""Tokens of texts: those that the tokenizer gives, in portions, and of no more of a text than can count."""

from __future__ import annotations

import pytest

from mmgraph.encoders import tokenise
from mmgraph.encoders.tokenise import shortened, token_ids


class Letters:
    """A tokenizer whose tokens are letters, which notes what it is given."""

    def __init__(self, truncation_side: str = "right") -> None:
        self.truncation_side = truncation_side
        self.given: list[list[str]] = []

    def __call__(self, texts, *, truncation, max_length, padding):
        assert (truncation, padding) == (True, False)
        self.given.append(list(texts))
        kept = slice(None, max_length) if self.truncation_side == "right" else slice(-max_length, None)
        return {"input_ids": [[ord(letter) for letter in text[kept]] for text in texts]}


def test_texts_are_tokenised_some_at_a_time_in_their_order(monkeypatch):
    monkeypatch.setattr(tokenise, "_AT_A_TIME", 10)
    texts, letters = ["abcd", "efgh", "ij", "k", "x" * 30, "", "yz"], Letters()
    assert token_ids(letters, texts, most=3) == [[ord(letter) for letter in text[:3]] for text in texts]
    assert letters.given == [["abcd", "efgh", "ij"], ["k"], ["x" * 30], ["", "yz"]]


@pytest.mark.parametrize("side", ["right", "left"])
def test_of_a_text_that_goes_on_for_ever_only_what_can_count_is_tokenised(side):
    letters = Letters(side)
    text = "a" * 5 + "b" * 10_000_000 + "c" * 5
    (ids,) = token_ids(letters, [text], most=4)
    assert bytes(ids) == (b"aaaa" if side == "right" else b"cccc")
    assert len(letters.given[0][0]) == 4_000
    assert shortened(letters, "abc", 4) == "abc"
