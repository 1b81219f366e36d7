"""A user's function as an encoder."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pydantic import Field

import mmgraph as mg
from mmgraph.data.choice import Choice
from mmgraph.data.modalities import RawModality
from mmgraph.encoders import (
    FeatureCache,
    HashedNGrams,
    build_encoder,
    encode,
    encode_modality,
    load_encoder,
    save_encoder,
)
from mmgraph.encoders.broken_items import BrokenItemsError
from mmgraph.encoders.cache import maker_key
from mmgraph.errors import ConfigError, DataError, GraphError, UnknownNameError
from mmgraph.registry import ENCODERS
from mmgraph.testing import ContractError, check_encoder

TEXTS = ["a", "bb b", "ccc", "d d d d", "e" * 9, "f f"]


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    known = set(ENCODERS.names())
    yield
    for name in set(ENCODERS.names()) - known:
        del ENCODERS._things[name]


def lengths(texts: list[str], *, unit: Annotated[float, Field(gt=0, description="What counts.")] = 1.0):
    """Text: its characters and words.

    Args:
        unit: What counts as one.
    """
    return np.array([[len(text), len(text.split())] for text in texts]) / unit


def brightness(paths: list[Path]) -> list[list[float]]:
    return [list(np.asarray(Image.open(path)).mean(axis=(0, 1))) for path in paths]


def made(function, kind: str = "text", version: int = 1):
    """Return an encoder of a function, in the place of an earlier one."""
    ENCODERS._things.pop("made", None)
    return mg.encoder("made", kind=kind, version=version)(function)


def seen(make_dataset, values, kind="text", **modality):
    modality = {"kind": kind, "column": "value", "encoder": {"name": "made"}} | modality
    return make_dataset(modality, {"value": values}, num_training=4)


def test_its_vectors_are_scaled_as_precomputed_ones_are(make_dataset, tmp_path):
    made(lengths)
    found = encode_modality(seen(make_dataset, TEXTS), "item", "seen").features
    np.save(tmp_path / "vectors.npy", lengths(TEXTS).astype(np.float32))
    precomputed = make_dataset({"kind": "features", "file": "vectors.npy"}, {"value": TEXTS}, num_training=4)
    assert found.tobytes() == encode_modality(precomputed, "item", "seen").features.tobytes()


def test_yaml_sets_its_parameters_and_whether_it_is_scaled(make_dataset):
    made(lengths)
    raw = {"name": "made", "unit": 2, "method": "none"}
    found = encode_modality(seen(make_dataset, TEXTS, encoder=raw), "item", "seen").features
    np.testing.assert_array_equal(found, lengths(TEXTS, unit=2))
    with pytest.raises(ConfigError, match=r"encoder\.unit: got -1; wanted a number greater than 0"):
        encode_modality(seen(make_dataset, TEXTS, encoder=raw | {"unit": -1}), "item", "seen")


def test_what_was_encoded_once_is_not_encoded_again_until_the_version_is_raised(make_dataset, tmp_path):
    asked: list[str] = []

    def noting(texts: list[str]):
        asked.extend(texts)
        return lengths(texts)

    cache = FeatureCache(tmp_path / "cache")
    for texts, version, wanted in (
        (TEXTS, 1, sorted(TEXTS)),
        (TEXTS, 1, []),
        (["new", *TEXTS[1:]], 1, ["new"]),
        (TEXTS, 2, sorted(TEXTS)),
    ):
        made(noting, version=version)
        encode_modality(seen(make_dataset, texts), "item", "seen", cache=cache)
        assert sorted(asked) == wanted
        asked.clear()


def test_other_code_and_other_parameters_encode_anew_but_not_another_scale(raw):
    def one(texts: list[str]):
        return [[len(text), text in {"a", "b", "c"}] for text in texts]

    def same(texts: list[str]):
        # Nothing but a comment is new.
        return [[len(text), text in {"a", "b", "c"}] for text in texts]

    def other(texts: list[str]):
        return [[len(text), text in {"a", "b", "d"}] for text in texts]

    def key(function, **parameters):
        return maker_key(made(function)(**parameters), "made", raw("text", TEXTS))

    assert key(one) == key(same) == key(one, method="none") != key(other)
    assert key(lengths) != key(lengths, unit=2)


def within(texts: list[str]):
    share = 0.0
    try:
        number = len(texts)
        share = 1 / number
    except ZeroDivisionError:
        pass
    return [[share]] * len(texts)


def beyond(texts: list[str]):
    share = 0.0
    try:
        number = len(texts)
    except ZeroDivisionError:
        pass
    else:
        share = 1 / number
    return [[share]] * len(texts)


def less(texts: list[str]):
    def difference(x, y):
        return x - y

    return [[difference(y=len(text), x=1)] for text in texts]


def more(texts: list[str]):
    def difference(y, x):
        return y - x

    return [[difference(y=len(text), x=1)] for text in texts]


@pytest.mark.parametrize(("one", "other"), [(within, beyond), (less, more)])
def test_what_a_try_covers_and_what_parameters_are_called_is_code_as_well(one, other, raw):
    # The instructions are the same.
    keys = {maker_key(made(function)(), "made", raw("text", TEXTS)) for function in (one, other)}
    assert len(keys) == 2


def test_a_graph_keeps_it_and_says_if_it_is_not_there(raw, quiet, tmp_path):
    encoder = made(lengths)(unit=3)
    encoder.fit(encoder.describe(raw("text", TEXTS), quiet))
    save_encoder(encoder, tmp_path / "kept")
    new = raw("text", ["nobody has seen this"])
    assert encode(load_encoder(tmp_path / "kept"), new).tobytes() == encode(encoder, new).tobytes()
    made(lengths, version=2)
    with pytest.raises(GraphError, match="was fitted by version 1 of the encoder 'made'; this is version 2"):
        load_encoder(tmp_path / "kept")
    del ENCODERS._things["made"]
    with pytest.raises(UnknownNameError, match=r"there is no encoder 'made'.*load it \(--plugin FILE\)"):
        load_encoder(tmp_path / "kept")


def letters(texts: list[str]):
    return [[text.find(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]


def first_and_last(rows: pd.DataFrame):
    return rows[["area", "north"]].fillna(0).to_numpy()


def as_tensor(vectors: np.ndarray):
    vectors *= 2
    return torch.from_numpy(vectors)


@pytest.mark.parametrize(
    ("function", "kind"),
    [(letters, "text"), (brightness, "image"), (first_and_last, "tabular"), (as_tensor, "features")],
)
def test_it_keeps_to_what_encoders_keep_to(function, kind):
    made(function, kind)
    check_encoder("made")


def test_one_that_looks_at_other_items_is_found_out():
    def ranks(texts: list[str]):
        return [[sorted(texts).index(text)] for text in texts]

    made(ranks)
    with pytest.raises(ContractError, match="alone"):
        check_encoder("made")


def test_what_it_raises_names_the_item_and_the_line(raw, quiet):
    def picky(texts: list[str]):
        return [[1 / (len(text) - 3)] for text in texts]

    with pytest.raises(DataError) as caught:
        made(picky)().describe(raw("text", TEXTS), quiet)
    line = picky.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        "encoder made: 'ccc' made the encoder made raise ZeroDivisionError: float division by zero (line "
        f"{line} of test_custom.py). Mend the item or the function; --debug shows the whole traceback."
    ).replace("float division", "division")


def test_what_it_raises_for_many_alone_is_said(raw, quiet):
    def one_by_one(texts: list[str]):
        (text,) = texts
        return [[len(text)]]

    with pytest.raises(DataError, match="for 6 items together, and for none of them alone"):
        made(one_by_one)().describe(raw("text", TEXTS), quiet)


@pytest.mark.parametrize("skip", [False, True])
def test_files_that_it_raises_for_are_broken_ones(skip, make_dataset, image_file):
    grey = [image_file(f"{row}.png", np.full((4, 4, 3), 9 * row, dtype=np.uint8)).name for row in range(6)]

    def never_third(paths: list[Path]):
        if any(path.name == "2.png" for path in paths):
            raise RuntimeError("no such thing")
        return brightness(paths)

    made(never_third, "image")
    dataset = seen(make_dataset, grey, "image", on_error="skip" if skip else "fail")
    if skip:
        assert len(encode_modality(dataset, "item", "seen").features) == 5
        (problem,) = dataset.modality("item", "seen").skipped.values()
        assert problem.startswith("made the encoder made raise RuntimeError: no such thing (line ")
    else:
        with pytest.raises(DataError, match=r"2\.png.* made the encoder made raise RuntimeError"):
            encode_modality(dataset, "item", "seen")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([[1.0]] * 5, r"returned an array of shape \[5, 1\] for 6 items; wanted \[6, D\]"),
        ([1.0] * 6, r"shape \[6\] for 6 items; wanted \[6, D\].*reshape\(-1, 1\)"),
        ([[]] * 6, r"shape \[6, 0\]"),
        (None, "encoder made: returned"),
        ([["a"]] * 6, "returned list, which is no array of numbers"),
        (torch.ones(6, 1, requires_grad=True), "returned Tensor, which is no array of numbers"),
        ([[1.0]] * 5 + [[1e300]], "encoder made: 'f f' became numbers that are not finite"),
    ],
)
def test_what_it_returns_is_checked(result, message, raw, quiet):
    def returning(texts: list[str]):
        return result

    with pytest.raises(DataError, match=message):
        made(returning)().describe(raw("text", TEXTS), quiet)


def test_pictures_that_become_no_numbers_are_broken(raw, quiet, image_file):
    def dividing(paths: list[Path]):
        with np.errstate(divide="ignore"):
            return 1 / np.array(brightness(paths))

    black, white = (image_file(f"{grey}.png", np.full((2, 2, 3), grey, np.uint8)) for grey in (0, 255))
    with pytest.raises(BrokenItemsError, match=r"0\.png.* became numbers that are not finite") as caught:
        made(dividing, "image")().describe(raw("image", [white, black]), quiet)
    assert list(caught.value.problems) == [1]


@pytest.mark.parametrize("cached", [False, True])
def test_a_description_that_leaves_items_out_is_an_error(cached, raw, tmp_path, monkeypatch):
    encoder = HashedNGrams(buckets=16)
    encoder.fit(np.ones((2, 32), np.float32))
    monkeypatch.setattr(HashedNGrams, "describe", lambda self, some, progress: np.ones((1, 32)))
    with pytest.raises(DataError, match="got one row for each of 1 item; wanted one row for each of 2 items"):
        encode(encoder, raw("text", ["one", "two"]), cache=FeatureCache(tmp_path) if cached else None)


def test_widths_that_differ_between_parts_are_told(make_dataset, tmp_path):
    cache, width = FeatureCache(tmp_path / "cache"), 2

    def wide(texts: list[str]):
        return np.ones((len(texts), width))

    made(wide)
    encode_modality(seen(make_dataset, TEXTS), "item", "seen", cache=cache)
    width = 3
    with pytest.raises(DataError, match=r"shape \[3\] and \[2\].*version"):
        encode_modality(seen(make_dataset, ["new", *TEXTS[1:]]), "item", "seen", cache=cache)


def no_items(*, unit: float = 1.0):
    return []


def untyped(texts, *, unit=1):
    return []


def reserved(texts, *, method: str = "x"):
    return []


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_items, "its parameters are not (items, *, further ones)"),
        (untyped, "parameter 'unit': has no type"),
        (reserved, "parameter 'method': has a name that encoders need for themselves"),
        (functools.partial(lengths, unit=2), "wanted a function that is defined by def"),
    ],
)
def test_a_function_that_cannot_be_used_is_refused_at_once(function, message):
    with pytest.raises(ConfigError) as caught:
        made(function)
    assert message in str(caught.value)
    assert "made" not in ENCODERS


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("two words", {"kind": "text"}, "@encoder: got the name 'two words'"),
        ("odd", {"kind": "txt"}, "@encoder odd: there is no kind 'txt'. Did you mean 'text'"),
        ("odd", {"kind": "text", "version": 0}, "@encoder odd: got the version 0"),
        ("odd", {"kind": "text", "version": True}, "@encoder odd: got the version True"),
    ],
)
def test_what_the_decorator_is_told_is_checked(name, options, message):
    with pytest.raises(ConfigError, match=message):
        mg.encoder(name, **options)


def test_the_name_of_a_built_in_encoder_is_taken():
    with pytest.raises(ConfigError, match="the encoder 'tfidf' is registered already"):
        mg.encoder("tfidf", kind="text")(lengths)


def test_it_reads_its_own_kind_alone():
    made(lengths)
    with pytest.raises(ConfigError, match="the encoder 'made' reads text; the modality is image"):
        build_encoder(Choice(name="made"), "image", where="a.yaml")


def test_a_function_keeps_to_the_rules_whatever_its_numbers_and_without_descriptions():
    @mg.encoder("made", kind="text")
    def made(texts: list[str], *, power: int = 1):
        return [[float(len(text) ** power), 1.0] for text in texts]

    check_encoder(made, items=RawModality("text", np.arange(8), ["ab", "abcd"] * 4))


def test_new_items_are_told_that_the_function_has_changed(make_dataset, tmp_path):
    made(letters)
    encoder = encode_modality(seen(make_dataset, TEXTS), "item", "seen").encoder
    save_encoder(encoder, tmp_path / "kept")
    new = RawModality("text", np.arange(2), ["a", "b"])
    assert load_encoder(tmp_path / "kept").unseen(new) == ["", ""]
    made(
        lambda texts: [
            [float(text.count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts
        ]
    )
    notes = load_encoder(tmp_path / "kept").unseen(new)
    assert notes == ["the code of its encoder has changed since the graph was built"] * 2
