"""Emoji: the recipe on a small source folder in the upstream layout, and on the public files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import prepare_dataset
from mmgraph.errors import DataError
from mmgraph.progress import Progress

NAMES = """\
# group: Smileys & Emotion
# subgroup: face-smiling
1F600 ; fully-qualified # 😀 E1.0 grinning face
1F636 ; fully-qualified # 😶 E1.0 face without mouth
1F636 200D 1F32B FE0F ; fully-qualified # 😶‍🌫️ E13.1 face in clouds
1F636 200D 1F32B ; minimally-qualified # 😶‍🌫 E13.1 face in clouds
# group: People & Body
# subgroup: person
1F9D1 ; fully-qualified # 🧑 E5.0 person
1F468 ; fully-qualified # 👨 E0.6 man
1F468 1F3FB ; fully-qualified # 👨🏻 E1.0 man: light skin tone
1F9D1 200D 1F680 ; fully-qualified # 🧑‍🚀 E12.1 astronaut
1F469 200D 1F680 ; fully-qualified # 👩‍🚀 E4.0 woman astronaut
1F9DC 200D 2642 FE0F ; fully-qualified # 🧜‍♂️ E5.0 merman
1F9DC 200D 2640 FE0F ; fully-qualified # 🧜‍♀️ E5.0 mermaid
# group: Travel & Places
# subgroup: transport-air
1F680 ; fully-qualified # 🚀 E0.6 rocket
1F6F8 ; fully-qualified # 🛸 E5.0 flying saucer
# group: Flags
# subgroup: flag
1F3C1 ; fully-qualified # 🏁 E0.6 chequered flag
"""
TAGS = {
    "😀": (["grinning"], ["smile", "happy"]),
    "😶": (["no_mouth"], ["mute"]),
    "😶‍🌫️": (["face_in_clouds"], []),
    "🧑": (["adult"], []),
    "👨": (["man"], ["mustache", "people"]),
    "🧑‍🚀": (["astronaut"], ["space"]),
    "👩‍🚀": (["woman_astronaut"], ["space"]),
    "🧜‍♂️": (["merman"], []),
    "🧜‍♀️": (["mermaid"], []),
    "🚀": (["rocket"], ["ship", "space travel"]),
    "🛸": (["flying_saucer"], ["ufo"]),
    "🏁": (["checkered_flag"], ["milestone"]),
}
WITHOUT_PICTURE = "🛸"


@pytest.fixture
def source(tmp_path: Path, draw_picture: Callable[..., None]) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "unicode-emoji-test.txt").write_text(NAMES, encoding="utf-8")
    entries = [{"emoji": emoji, "aliases": aliases, "tags": tags} for emoji, (aliases, tags) in TAGS.items()]
    (folder / "gemoji.json").write_text(json.dumps(entries), encoding="utf-8")
    for emoji in TAGS:
        if emoji != WITHOUT_PICTURE:
            codes = "_".join(f"{ord(c):04x}" for c in emoji if c != "\ufe0f")
            draw_picture(folder / "png" / "72" / f"emoji_u{codes}.png")
    return folder


@pytest.fixture
def made(source: Path, tmp_path: Path, recipe: Callable[[str], ModuleType]) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    recipe("emoji").prepare(out, source, Progress(quiet=True))
    return out


@pytest.fixture
def emoji(made: Path) -> pd.DataFrame:
    return pd.read_parquet(made / "emoji.parquet").set_index("emoji")


def test_entities_are_base_emoji_with_tags_and_picture_without_flags(emoji: pd.DataFrame) -> None:
    assert list(emoji.index) == ["😀", "😶", "😶‍🌫", "🧑", "👨", "🧑‍🚀", "👩‍🚀", "🧜‍♂", "🧜‍♀", "🚀"]
    assert emoji.loc["😶‍🌫", "id"] == "U+1F636-200D-1F32B"
    assert emoji.loc["🚀", "group"] == "Travel & Places"


def test_pictures_are_copied(made: Path, source: Path, emoji: pd.DataFrame) -> None:
    picture = emoji.loc["🚀", "picture"]
    assert (made / picture).read_bytes() == (source / "png" / "72" / "emoji_u1f680.png").read_bytes()


def test_variants_are_one_family(emoji: pd.DataFrame) -> None:
    family = emoji["family"]
    assert family["🧑"] == family["👨"]
    assert family["🧑‍🚀"] == family["👩‍🚀"] != family["🧑"]
    assert family["🧜‍♂"] == family["🧜‍♀"]
    assert family["😶"] == family["😶‍🌫"] != family["😀"]
    assert family["🚀"] != family["🧑‍🚀"], "who flies a rocket is no variant of it"


def test_words_of_group_names_are_masked(emoji: pd.DataFrame) -> None:
    assert emoji.loc["🚀", "tags"] == "rocket ship space"
    assert emoji.loc["👨", "tags"] == "man mustache"
    assert emoji.loc["🚀", "words"] == "rocket|ship|space"
    assert emoji.loc["🧑", "name"] == "person"


def test_subgroups_that_are_too_small_are_no_class(emoji: pd.DataFrame) -> None:
    assert emoji.loc["🧑", "subgroup"] == "person"
    assert pd.isna(emoji.loc["🚀", "subgroup"])


def test_relations(made: Path, emoji: pd.DataFrame) -> None:
    def pairs(name: str) -> set[tuple[str, str]]:
        return set(pd.read_csv(made / f"{name}.csv").itertuples(index=False, name=None))

    identifier = emoji["id"]
    assert pairs("zwj_component") == {
        (identifier["😶‍🌫"], identifier["😶"]),
        (identifier["🧑‍🚀"], identifier["🧑"]),
        (identifier["🧑‍🚀"], identifier["🚀"]),
        (identifier["👩‍🚀"], identifier["🚀"]),
    }
    assert pairs("variant_of") == {
        (identifier["😶‍🌫"], identifier["😶"]),
        (identifier["👨"], identifier["🧑"]),
        (identifier["👩‍🚀"], identifier["🧑‍🚀"]),
        (identifier["🧜‍♀"], identifier["🧜‍♂"]),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("man: red hair", "woman: curly hair"),
        ("kiss: woman, man", "kiss"),
        ("woman and man holding hands", "people holding hands"),
        ("men with bunny ears", "people with bunny ears"),
        ("prince", "princess"),
        ("older person", "old man"),
        ("Mrs. Claus", "Santa Claus"),
        ("pregnant man", "pregnant woman"),
    ],
)
def test_names_of_variants_are_one_without_gender(
    one: str, other: str, recipe: Callable[[str], ModuleType]
) -> None:
    without_gender = recipe("emoji").without_gender
    assert without_gender(one) == without_gender(other)


def test_names_of_different_emoji_stay_apart(recipe: Callable[[str], ModuleType]) -> None:
    names = ["keycap: 1", "keycap: 2", "mango", "woman’s hat", "old key", "family", "baby"]
    assert len({recipe("emoji").without_gender(name) for name in names}) == len(names)


def test_a_wrong_source_folder_names_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare_dataset("emoji", source=tmp_path, out=tmp_path / "out")
    message = str(caught.value)
    assert all(name in message for name in ("gemoji.json", "unicode-emoji-test.txt", "png/72", "--source"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["{", "[1]", '[{"emoji": "😀"}]', '{"emoji": "😀"}'])
def test_tags_that_cannot_be_read_are_named(source: Path, tmp_path: Path, content: str) -> None:
    (source / "gemoji.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"gemoji\.json.*aliases and tags"):
        prepare_dataset("emoji", source=source, out=tmp_path / "made")


def test_sources_that_have_nothing_in_common_are_refused(source: Path, tmp_path: Path) -> None:
    (source / "gemoji.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="no emoji has a name in"):
        prepare_dataset("emoji", source=source, out=tmp_path / "made")


def test_public_files_give_the_known_counts(prepared: Callable[[str], Path]) -> None:
    frame = load_dataset(prepared("emoji")).frame("emoji")
    assert len(frame) == 1_601
    assert frame["group"].nunique() == 8
    assert frame["group"].value_counts(normalize=True).max() == pytest.approx(363 / 1601)
    assert frame["subgroup"].value_counts().min() >= 5


def test_no_family_straddles_the_split(prepared: Callable[[str], Path]) -> None:
    dataset = load_dataset(prepared("emoji"))
    frame = dataset.frame("emoji").assign(part=dataset.split("by_family"))
    assert (frame.groupby("family")["part"].nunique() == 1).all()
    # A second look that does not go through the families: the same profession, and the same first part.
    joined = frame[frame["emoji"].str.contains("\u200d")]
    person = joined["emoji"].str[0].isin(list("👨👩🧑"))
    profession = joined[person & joined["subgroup"].eq("person-role")]
    assert profession.groupby(profession["emoji"].str[1:])["part"].nunique().max() == 1
    gendered = joined[joined["emoji"].str.contains("\u200d[\u2640\u2642]$")]
    part_of = frame.set_index("emoji")["part"]
    for sequence, part in zip(gendered["emoji"], gendered["part"], strict=True):
        assert part_of.get(sequence[0], part) == part


def test_every_class_is_trained_and_tested(prepared: Callable[[str], Path]) -> None:
    dataset = load_dataset(prepared("emoji"))
    frame = dataset.frame("emoji").assign(part=dataset.split("by_family"))
    assert (pd.crosstab(frame["group"], frame["part"])[["train", "validation", "test"]] > 0).all(axis=None)
    assert (pd.crosstab(frame["subgroup"], frame["part"])[["train", "test"]] > 0).all(axis=None)


def test_no_word_of_a_group_name_is_left(prepared: Callable[[str], Path]) -> None:
    frame = load_dataset(prepared("emoji")).frame("emoji")
    words = {w for group in frame["group"].unique() for w in group.lower().replace("& ", "").split()}
    for column in ("name", "tags", "words"):
        for text in frame[column].dropna():
            assert not words & set(text.lower().replace("|", " ").split()), text


def test_public_files_give_the_same_bytes_again(
    prepared: Callable[[str], Path],
    public_source: Callable[[str], Path],
    tmp_path: Path,
    hashes: Callable[[Path], dict[str, str]],
) -> None:
    again = prepare_dataset("emoji", source=public_source("emoji"), out=tmp_path / "again")
    assert hashes(again) == hashes(prepared("emoji"))
