"""Makes the ``emoji`` dataset from Noto's pictures, GitHub's tags and Unicode's groups."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mmgraph.errors import DataError, Faults
from mmgraph.progress import Progress

NEEDS_SOURCE = True

NAMES = "unicode-emoji-test.txt"
TAGS = "gemoji.json"
PICTURES = "png/72"

GEMOJI = "https://raw.githubusercontent.com/github/gemoji/5476a66d2794e0d1551b1f96e449afc72e9f7bec"
NOTO = "https://raw.githubusercontent.com/googlefonts/noto-emoji/b3e3051a088047d19fd4d49b1c3ac42fb8c3aaf8"

# A subgroup of fewer emoji cannot stand in all parts of a split: it is no class.
SMALLEST_SUBGROUP = 5

ZERO_WIDTH_JOINER = "\u200d"
VARIATION_SELECTOR = "\ufe0f"
# A sequence that starts with one of these shows what the person does, so its kin are those who do the same.
PERSONS = frozenset("\U0001f468\U0001f469\U0001f9d1")
GENDERED = re.compile(r"\b(man|woman|men|women|person|people|boy|girl|child)\b")
COUNTERPARTS = {
    "princess": "prince",
    "merman": "merperson",
    "mermaid": "merperson",
    "older": "old",
    "mrs. claus": "santa claus",
    "mx claus": "santa claus",
}
# The words of the group names: a name or a tag that holds one says the answer.
GROUP_WORDS = re.compile(
    r"\b(smileys?|emotions?|people|body|bodies|animals?|nature|foods?|drinks?|travel|places?"
    r"|activity|activities|objects?|symbols?)\b",
    re.IGNORECASE,
)


def _sources() -> list[dict[str, str]]:
    upstream = {NAMES: f"{GEMOJI}/vendor/{NAMES}", TAGS: f"{GEMOJI}/db/emoji.json"}
    listed = Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("  ", 1) for line in listed)
    return [
        {"path": path, "url": upstream.get(path, f"{NOTO}/{path}"), "sha256": sha256}
        for sha256, path in pairs
    ]


SOURCES = _sources()


class Emoji(NamedTuple):
    """One emoji: its sequence of characters without variation selectors, and what is known about it."""

    sequence: str
    name: str
    group: str
    subgroup: str
    aliases: list[str]
    tags: list[str]

    @property
    def id(self) -> str:
        """The code points."""
        return identifier(self.sequence)

    @property
    def picture(self) -> str:
        """The name of Noto's picture file."""
        return "emoji_u" + "_".join(f"{ord(c):04x}" for c in self.sequence) + ".png"


def prepare(out: Path, source: Path | None, progress: Progress) -> None:
    """Write the tables and the pictures into ``out``.

    Args:
        out: An empty folder.
        source: The folder with ``gemoji.json``, ``unicode-emoji-test.txt`` and ``png/72/``.
        progress: Told about every picture.

    Raises:
        DataError: If a source file is missing or cannot be read.
    """
    assert source is not None, "prepare_dataset gives every dataset with NEEDS_SOURCE a source folder"
    check(source)
    pictured = [e for e in read(source) if (source / PICTURES / e.picture).is_file()]
    # Noto keeps the flags of countries elsewhere, and a group of which few have a picture is no class.
    emoji = [e for e in pictured if e.group != "Flags"]
    if not emoji:
        raise DataError(
            f"no emoji has a name in {NAMES}, tags in {TAGS} and a picture in {PICTURES}",
            where=str(source),
            fix="Check that the three come from the releases that the dataset's README names.",
        )
    (out / "pictures").mkdir()
    with progress.job("copy pictures", total=len(emoji)) as advance:
        for one in emoji:
            shutil.copyfile(source / PICTURES / one.picture, out / "pictures" / one.picture)
            advance()
    families = kin(emoji)
    emoji_table(emoji, families).to_parquet(out / "emoji.parquet", index=False)
    for relation, pairs in {
        "zwj_component": components(emoji),
        "variant_of": variants(emoji, families),
    }.items():
        table = pd.DataFrame(((a.id, b.id) for a, b in pairs), columns=["source", "target"])
        table.to_csv(out / f"{relation}.csv", index=False, lineterminator="\n")


def check(source: Path) -> None:
    """Report every source file that is missing, all at once."""
    faults = Faults()
    fix = "Pass the folder that holds gemoji.json, unicode-emoji-test.txt and png/72 as --source."
    for name in (NAMES, TAGS):
        if not (source / name).is_file():
            faults.add(str(source / name), "there is no such file", fix)
    if not any((source / PICTURES).glob("emoji_u*.png")):
        faults.add(str(source / PICTURES), "there are no pictures emoji_u*.png", fix)
    faults.raise_if_any(DataError)


def read(source: Path) -> list[Emoji]:
    """Return the emoji that have tags, in Unicode's order; variants in skin tone have none of their own."""
    tags = {bare(entry["emoji"]): entry for entry in read_tags(source / TAGS)}
    found = {}
    group = subgroup = ""
    for line in (source / NAMES).read_text(encoding="utf-8").splitlines():
        if line.startswith("# group:"):
            group = line.removeprefix("# group:").strip()
        elif line.startswith("# subgroup:"):
            subgroup = line.removeprefix("# subgroup:").strip()
        elif match := re.match(r"([0-9A-F ]+?) *; fully-qualified +# \S+ E\d+\.\d+ (.+)", line):
            sequence = bare("".join(chr(int(code, 16)) for code in match[1].split()))
            if entry := tags.get(sequence):
                found[sequence] = Emoji(sequence, match[2], group, subgroup, entry["aliases"], entry["tags"])
    return list(found.values())


def read_tags(path: Path) -> list[dict[str, Any]]:
    """Return the entries of ``gemoji.json``."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        for entry in entries:
            entry["emoji"], entry["aliases"], entry["tags"]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"is not a list of entries with emoji, aliases and tags ({error!r})",
            where=str(path),
            fix="Take db/emoji.json from github/gemoji.",
        ) from error
    return list(entries)


def bare(sequence: str) -> str:
    """Return the characters without variation selectors, as Noto names its files."""
    return sequence.replace(VARIATION_SELECTOR, "")


def identifier(sequence: str) -> str:
    """Return the id of an emoji.

    Example:
        >>> identifier("\U0001f636\u200d\U0001f32b")
        'U+1F636-200D-1F32B'
    """
    return "U+" + "-".join(f"{ord(character):04X}" for character in sequence)


def kin(emoji: list[Emoji]) -> dict[str, str]:
    """Return each sequence's family: emoji that differ in gender, hair or what a joiner adds to them.

    Members of a family look alike and share names and labels, so a split must keep them together.
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for one in emoji:
        parent[root(one.sequence)] = root("name " + without_gender(one.name))
        first = one.sequence.split(ZERO_WIDTH_JOINER)[0]
        if first != one.sequence and first not in PERSONS:
            parent[root(one.sequence)] = root(first)
    leaders: dict[str, str] = {}
    return {one.sequence: leaders.setdefault(root(one.sequence), one.sequence) for one in emoji}


def without_gender(name: str) -> str:
    """Return the name without what tells a variant from its kin.

    Example:
        >>> without_gender("woman: red hair"), without_gender("man fairy"), without_gender("kiss: woman, man")
        ('person', 'fairy', 'kiss')
    """
    name = name.lower()
    if not name.startswith("keycap"):
        name = name.partition(":")[0]
    for variant, base in COUNTERPARTS.items():
        name = re.sub(rf"\b{re.escape(variant)}(?!\w)", base, name)
    name = GENDERED.sub(" ", name)
    name = re.sub(r"^(\s*and\s)+", " ", name)
    return " ".join(name.split()) or "person"


def emoji_table(emoji: list[Emoji], families: dict[str, str]) -> pd.DataFrame:
    """Return the entity table: one row an emoji, in Unicode's order."""
    sizes = Counter(e.subgroup for e in emoji)
    return pd.DataFrame(
        {
            "id": [e.id for e in emoji],
            "title": [f"{e.sequence} {e.name}" for e in emoji],
            "emoji": [e.sequence for e in emoji],
            "picture": [f"pictures/{e.picture}" for e in emoji],
            "name": [mask(e.name) for e in emoji],
            "tags": [mask(" ".join([*e.aliases, *e.tags]).replace("_", " ")) for e in emoji],
            "tag_list": ["|".join(e.tags) or None for e in emoji],
            "words": ["|".join(words(e)) or None for e in emoji],
            "group": [e.group for e in emoji],
            "subgroup": [e.subgroup if sizes[e.subgroup] >= SMALLEST_SUBGROUP else None for e in emoji],
            "family": [identifier(families[e.sequence]) for e in emoji],
        }
    )


def mask(text: str) -> str | None:
    """Return the text without the words of the group names; None where nothing is left."""
    return " ".join(GROUP_WORDS.sub(" ", text).split()) or None


def words(one: Emoji) -> list[str]:
    """Return the different words of the name, the aliases and the tags, in order."""
    text = mask(" ".join([one.name, *one.aliases, *one.tags]).replace("_", " ").lower()) or ""
    return list(dict.fromkeys(re.findall(r"[a-z]{2,}", text)))


def components(emoji: list[Emoji]) -> list[tuple[Emoji, Emoji]]:
    """Return each joined sequence with each of the emoji that it joins."""
    known = {e.sequence: e for e in emoji}
    return [
        (e, known[part])
        for e in emoji
        if ZERO_WIDTH_JOINER in e.sequence
        for part in dict.fromkeys(e.sequence.split(ZERO_WIDTH_JOINER))
        if part in known
    ]


def variants(emoji: list[Emoji], families: dict[str, str]) -> list[tuple[Emoji, Emoji]]:
    """Return each emoji with the first of its family."""
    known = {e.sequence: e for e in emoji}
    return [(e, known[families[e.sequence]]) for e in emoji if families[e.sequence] != e.sequence]
