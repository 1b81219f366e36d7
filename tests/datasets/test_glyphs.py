"""The embedded dataset: what it holds, that its bytes are fixed, and that nothing gives an answer away."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import prepare_dataset
from mmgraph.data.task_spec import TaskSpec

FONTS = ("sans", "serif", "mono")
RELATIONS = ("decomposes_to", "compatible_with", "case_pair", "mirrored", "next_codepoint")


@pytest.fixture(scope="module")
def folder(prepared: Callable[[str], Path]) -> Path:
    return prepared("glyphs")


@pytest.fixture(scope="module")
def glyphs(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "glyphs.parquet").set_index("id")


@pytest.fixture(scope="module")
def edges(folder: Path) -> dict[str, set[tuple[str, str]]]:
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in RELATIONS}
    return {name: set(table.itertuples(index=False, name=None)) for name, table in tables.items()}


@pytest.fixture(scope="module")
def tasks(folder: Path) -> dict[str, TaskSpec]:
    return load_dataset(folder).spec.tasks


@pytest.mark.slow
def test_prepared_twice_gives_the_same_bytes(
    folder: Path, tmp_path: Path, hashes: Callable[[Path], dict[str, str]]
) -> None:
    assert hashes(prepare_dataset("glyphs", out=tmp_path / "again")) == hashes(folder)


def test_counts(glyphs: pd.DataFrame, edges: dict[str, set[tuple[str, str]]]) -> None:
    assert 5_000 < len(glyphs) < 10_000
    assert glyphs.index.is_unique
    assert glyphs["script"].nunique() == 12
    assert 3_000 < glyphs["script"].notna().sum() < 6_000
    assert glyphs["category"].nunique() == 9
    present = glyphs[list(FONTS)].notna().mean()
    assert (present > 0.4).all(), "a font lost its characters"
    assert (present < 1).all(), "no font draws every character"
    least = {"decomposes_to": 1_500, "compatible_with": 900, "case_pair": 700, "mirrored": 90}
    assert all(len(edges[name]) >= count for name, count in least.items())


def test_characters_and_their_properties(glyphs: pd.DataFrame) -> None:
    row = glyphs.loc["U+00E9"]
    assert row["character"] == "é"
    assert row["name"] == "LATIN SMALL LETTER E WITH ACUTE"
    assert (row["script"], row["category"]) == ("LATIN", "lowercase letter")
    assert glyphs.loc["U+0669", "category"] == "number"
    assert "U+0020" not in glyphs.index, "a space draws nothing"


def test_relations(edges: dict[str, set[tuple[str, str]]], glyphs: pd.DataFrame) -> None:
    assert {("U+00E9", "U+0065"), ("U+00E9", "U+0301")} <= edges["decomposes_to"]
    assert ("U+2460", "U+0031") in edges["compatible_with"]
    assert ("U+2460", "U+0031") not in edges["decomposes_to"]
    assert ("U+00E9", "U+00C9") in edges["case_pair"]
    assert {("U+0028", "U+0029"), ("U+2208", "U+220B"), ("U+00AB", "U+00BB")} <= edges["mirrored"]
    assert ("U+0041", "U+0042") in edges["next_codepoint"]
    for name, pairs in edges.items():
        assert all(a in glyphs.index and b in glyphs.index and a != b for a, b in pairs), name


def test_mirrored_pairs_are_stored_once_and_mirror_in_unicode(
    edges: dict[str, set[tuple[str, str]]], glyphs: pd.DataFrame
) -> None:
    for a, b in edges["mirrored"]:
        assert (b, a) not in edges["mirrored"]
        assert unicodedata.mirrored(glyphs.loc[a, "character"])
        assert unicodedata.mirrored(glyphs.loc[b, "character"])


def test_pictures_share_one_scale(folder: Path, glyphs: pd.DataFrame) -> None:
    def ink(identifier: str, font: str) -> np.ndarray:
        with Image.open(folder / glyphs.loc[identifier, font]) as picture:
            assert picture.size == (48, 48)
            assert picture.mode == "L"
            return np.argwhere(np.asarray(picture) < 128)

    for font in FONTS:
        capital, small = ink("U+0041", font), ink("U+0061", font)
        assert np.ptp(capital[:, 0]) > 1.2 * np.ptp(small[:, 0])
        assert abs(capital[:, 0].max() - small[:, 0].max()) <= 1, "both stand on the base line"
        assert abs(capital[:, 1].mean() - 23.5) < 3, "the ink is in the middle"


def test_every_picture_has_ink(folder: Path, glyphs: pd.DataFrame) -> None:
    for path in glyphs[list(FONTS)].to_numpy().ravel()[::7]:
        if isinstance(path, str):
            with Image.open(folder / path) as picture:
                assert np.asarray(picture).min() < 255, path


def test_no_script_word_is_left_in_any_name_for_script(glyphs: pd.DataFrame) -> None:
    words = {word.lower() for word in glyphs["script"].dropna().unique()}
    words |= {"syllabics", "pattern", "drawings"}
    left = [name for name in glyphs["name_for_script"].dropna() if words & set(_tokens(name))]
    assert left == []


def test_no_category_word_is_left_in_any_name_for_category(glyphs: pd.DataFrame) -> None:
    words = {"capital", "small", "letter", "digit", "number", "sign", "combining", "modifier", "punctuation"}
    left = [name for name in glyphs["name_for_category"].dropna() if words & set(_tokens(name))]
    assert left == []


@pytest.mark.parametrize("task", ["script", "category"])
def test_no_single_word_gives_a_class_away(glyphs: pd.DataFrame, task: str) -> None:
    labelled = glyphs[glyphs[task].notna() & glyphs[f"name_for_{task}"].notna()]
    sizes = Counter(glyphs[task].dropna())
    for word, labels in _labels_by_word(labelled[f"name_for_{task}"], labelled[task]).items():
        label, count = labels.most_common(1)[0]
        share = count / sizes[label]
        precision = count / labels.total()
        assert share < 0.5 or precision < 0.9, (
            f"{word!r} stands in {share:.0%} of {label}, {precision:.0%} sure"
        )


def test_no_number_is_left_in_a_masked_name(glyphs: pd.DataFrame) -> None:
    names = pd.concat([glyphs["name_for_script"], glyphs["name_for_category"]]).dropna()
    assert not names.str.contains(r"\d").any()


@pytest.mark.parametrize(("task", "other"), [("script", "category"), ("category", "script")])
def test_a_task_sees_only_its_own_name(tasks: dict[str, TaskSpec], task: str, other: str) -> None:
    assert set(tasks[task].without.modalities) == {f"name_for_{other}"}


def test_what_is_learnt_before_the_task_hides_what_the_task_hides(tasks: dict[str, TaskSpec]) -> None:
    assert tasks["pretrain_for_script"].without == tasks["script"].without


def test_relations_that_give_the_answer_away_are_out(
    tasks: dict[str, TaskSpec], edges: dict[str, set[tuple[str, str]]], glyphs: pd.DataFrame
) -> None:
    script = glyphs["script"].dropna()
    pairs = [(a, b) for a, b in edges["next_codepoint"] if a in script.index and b in script.index]
    assert np.mean([script[a] == script[b] for a, b in pairs]) > 0.98
    assert "next_codepoint" in tasks["script"].without.relations
    ends = [(glyphs.loc[a, "category"], glyphs.loc[b, "category"]) for a, b in edges["case_pair"]]
    assert np.mean([pair == ("lowercase letter", "uppercase letter") for pair in ends]) > 0.9
    assert {"next_codepoint", "case_pair"} <= set(tasks["category"].without.relations)


def test_every_class_is_in_every_part_of_the_split(folder: Path) -> None:
    dataset = load_dataset(folder)
    frame = dataset.frame("glyph").assign(part=dataset.split("by_script"))
    for task in ("script", "category"):
        assert (pd.crosstab(frame[task], frame["part"])[["train", "validation", "test"]] > 0).all(axis=None)


def test_what_it_was_made_with_is_recorded(folder: Path, recipe: Callable[[str], ModuleType]) -> None:
    text = (folder / "made_with.json").read_text(encoding="utf-8")
    assert unicodedata.unidata_version in text
    assert all(font in text for font in recipe("glyphs").FONTS.values())


def _tokens(name: str) -> list[str]:
    return name.lower().replace("-", " ").split()


def _labels_by_word(names: pd.Series, labels: pd.Series) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for name, label in zip(names, labels, strict=True):
        for word in set(_tokens(name)):
            found.setdefault(word, Counter())[label] += 1
    return found
