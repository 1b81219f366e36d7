"""Makes the ``glyphs`` dataset: the characters that the DejaVu fonts bundled with matplotlib can draw.

Nothing is downloaded: the fonts come with matplotlib and the facts about characters with Python.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from mmgraph.progress import Progress

NEEDS_SOURCE = False

FONTS = {"sans": "DejaVuSans.ttf", "serif": "DejaVuSerif.ttf", "mono": "DejaVuSansMono.ttf"}

# One scale for all characters, so that a small letter is smaller than its capital: an em is 32 of the 48
# pixels, and the base line leaves room for the tallest accents above and the longest tails below.
CANVAS = 48
EM = 32
BASE_LINE = 36

NUM_SCRIPTS = 12

CATEGORIES = {
    "Lu": "uppercase letter",
    "Lt": "uppercase letter",
    "Ll": "lowercase letter",
    "Lm": "modifier letter",
    "Lo": "other letter",
    "Mn": "mark",
    "Mc": "mark",
    "Me": "mark",
    "Nd": "number",
    "Nl": "number",
    "No": "number",
    "Pc": "punctuation",
    "Pd": "punctuation",
    "Ps": "punctuation",
    "Pe": "punctuation",
    "Pi": "punctuation",
    "Pf": "punctuation",
    "Po": "punctuation",
    "Sm": "math symbol",
    "Sc": "other symbol",
    "Sk": "other symbol",
    "So": "other symbol",
}

# Words of character names that say the category by themselves; `giveaways` adds those the data shows.
CATEGORY_WORDS = """
    CAPITAL SMALL LETTER LETTERS LIGATURE MODIFIER SYLLABLE SYLLABICS VOWEL CONSONANT
    DIGIT NUMBER NUMERAL FRACTION NUMERATOR
    COMBINING ACCENT MARK POINT
    PUNCTUATION SIGN SYMBOL OPERATOR MATHEMATICAL
"""

# Swapping these words in a character's name gives the name of its mirror image.
MIRRORED_WORDS = {
    "LEFT": "RIGHT",
    "LEFTWARDS": "RIGHTWARDS",
    "LESS-THAN": "GREATER-THAN",
    "PRECEDES": "SUCCEEDS",
    "PRECEDE": "SUCCEED",
    "SUBSET": "SUPERSET",
    "IMAGE": "ORIGINAL",
    "ELEMENT OF": "CONTAINS AS MEMBER",
    "NOT AN ELEMENT OF": "DOES NOT CONTAIN AS MEMBER",
    "NORMAL SUBGROUP OF": "CONTAINS AS NORMAL SUBGROUP",
}


def prepare(out: Path, source: Path | None, progress: Progress) -> None:  # noqa: ARG001
    """Write the tables and the pictures into ``out``.

    Args:
        out: An empty folder.
        source: Not used: the dataset needs no source files.
        progress: Told about every picture.
    """
    fonts = {name: Path(matplotlib.get_data_path(), "fonts", "ttf", file) for name, file in FONTS.items()}
    drawable = {name: set(FT2Font(str(path)).get_charmap()) for name, path in fonts.items()}
    named = sorted(c for c in set().union(*drawable.values()) if unicodedata.name(chr(c), ""))
    images = {
        name: draw_all(
            fonts[name], [c for c in named if c in drawable[name]], out, f"images/{name}", progress
        )
        for name in FONTS
    }
    # Spaces and invisible controls have a name but no picture in any font: there is nothing to see.
    codepoints = [c for c in named if any(c in found for found in images.values())]
    glyph_table(codepoints, images).to_parquet(out / "glyphs.parquet", index=False)
    for relation, pairs in relations(codepoints).items():
        table = pd.DataFrame(((identifier(a), identifier(b)) for a, b in pairs), columns=["source", "target"])
        table.to_csv(out / f"{relation}.csv", index=False, lineterminator="\n")
    made_with = {
        "unicode": unicodedata.unidata_version,
        "fonts": {file: _font_version(fonts[name]) for name, file in FONTS.items()},
        "characters": len(codepoints),
    }
    (out / "made_with.json").write_text(json.dumps(made_with, indent=2) + "\n", encoding="utf-8")


def draw_all(
    font: Path, codepoints: Iterable[int], out: Path, folder: str, progress: Progress
) -> dict[int, str]:
    """Draw characters, each into a PNG file of its own.

    Returns:
        Code point to the path of its picture below ``out``; characters without any ink are left out.
    """
    (out / folder).mkdir(parents=True)
    drawn = {}
    # Basic layout gives the same picture whether or not a text shaping library is installed.
    face = ImageFont.truetype(str(font), EM, layout_engine=ImageFont.Layout.BASIC)
    codepoints = list(codepoints)
    with progress.job(f"draw {folder}", total=len(codepoints)) as advance:
        for codepoint in codepoints:
            picture = draw(face, chr(codepoint))
            if picture is not None:
                drawn[codepoint] = f"{folder}/{codepoint:04X}.png"
                picture.save(out / drawn[codepoint])
            advance()
    return drawn


def draw(face: ImageFont.FreeTypeFont, character: str) -> Image.Image | None:
    """Return the character in black on white, its ink centred from left to right, or None without ink.

    A character too wide or too tall for the picture is shrunk until it fits.
    """
    left, top, right, bottom = face.getbbox(character, anchor="ls")
    if right <= left or bottom <= top:
        return None
    picture = Image.new("L", (CANVAS, CANVAS), color=255)
    if right - left <= CANVAS and -top <= BASE_LINE and bottom <= CANVAS - BASE_LINE:
        at = ((CANVAS - left - right) // 2, BASE_LINE)
        ImageDraw.Draw(picture).text(at, character, fill=0, font=face, anchor="ls")
        return picture
    whole = Image.new("L", (int(right - left), int(bottom - top)), color=255)
    ImageDraw.Draw(whole).text((-left, -top), character, fill=0, font=face, anchor="ls")
    whole.thumbnail((CANVAS, CANVAS))
    picture.paste(whole, ((CANVAS - whole.width) // 2, (CANVAS - whole.height) // 2))
    return picture


def glyph_table(codepoints: list[int], images: dict[str, dict[int, str]]) -> pd.DataFrame:
    """Return the entity table: one row a character, in code order."""
    names = [unicodedata.name(chr(c)) for c in codepoints]
    groups = [name.split()[0] for name in names]
    largest = {group for group, _ in Counter(groups).most_common(NUM_SCRIPTS)}
    scripts = [group if group in largest else None for group in groups]
    categories = [CATEGORIES.get(unicodedata.category(chr(c))) for c in codepoints]
    table = pd.DataFrame(
        {
            "id": [identifier(c) for c in codepoints],
            "title": [f"{chr(c)} {name}" for c, name in zip(codepoints, names, strict=True)],
            "character": [chr(c) for c in codepoints],
            "codepoint": codepoints,
            "name": names,
            "name_for_script": mask(names, largest | giveaways(names, scripts)),
            "name_for_category": mask(names, set(CATEGORY_WORDS.split()) | giveaways(names, categories)),
            "script": scripts,
            "category": categories,
        }
    )
    for font, drawn in images.items():
        table[font] = [drawn.get(c) for c in codepoints]
    return table


def words(name: str) -> list[str]:
    """Return the words of a character name, split at hyphens as well.

    Example:
        >>> words("BRAILLE PATTERN DOTS-12")
        ['BRAILLE', 'PATTERN', 'DOTS', '12']
    """
    return re.findall(r"[A-Z0-9]+", name)


def mask(names: list[str], hidden: Iterable[str]) -> list[str | None]:
    """Return the names without the ``hidden`` words and without numbers; None where nothing is left.

    Numbers in names count through one block of characters (``DOTS-12``, ``HORIZONTAL-00-01``).
    """
    hidden = set(hidden)
    kept = (" ".join(w for w in words(name) if w not in hidden and not w.isdigit()) for name in names)
    return [text or None for text in kept]


def giveaways(names: list[str], labels: list[str | None]) -> set[str]:
    """Return the words that stand in most names of one class and in hardly any name of the others.

    ``SYLLABICS`` stands in every name of CANADIAN SYLLABICS, so it says what ``CANADIAN`` says.
    """
    sizes = Counter(label for label in labels if label)
    holders: dict[str, Counter[str]] = {}
    for name, label in zip(names, labels, strict=True):
        if label:
            for word in set(words(name)):
                holders.setdefault(word, Counter())[label] += 1
    found = set()
    for word, counts in holders.items():
        label, count = counts.most_common(1)[0]
        if count >= sizes[label] / 2 and count >= 0.9 * counts.total():
            found.add(word)
    return found


def relations(codepoints: list[int]) -> dict[str, list[tuple[int, int]]]:
    """Return the given relations as lists of (source, target) code points."""
    known = set(codepoints)
    return {
        "decomposes_to": sorted(decompositions(known, canonical=True)),
        "compatible_with": sorted(decompositions(known, canonical=False)),
        "case_pair": sorted(case_pairs(known)),
        "mirrored": sorted(mirrored_pairs(known)),
        "next_codepoint": [(a, a + 1) for a in codepoints if a + 1 in known],
    }


def decompositions(known: set[int], *, canonical: bool) -> Iterator[tuple[int, int]]:
    """Yield each character with each part that Unicode decomposes it into.

    Args:
        known: The code points of the dataset.
        canonical: Canonical decompositions (the same character, spelt otherwise), else those for
            compatibility (a variant in form: circled, superscript, initial, ...).
    """
    for codepoint in known:
        parts = unicodedata.decomposition(chr(codepoint)).split()
        if parts and parts[0].startswith("<") != canonical:
            for part in {int(p, 16) for p in parts if not p.startswith("<")}:
                if part in known and part != codepoint:
                    yield codepoint, part


def case_pairs(known: set[int]) -> Iterator[tuple[int, int]]:
    """Yield each small letter with its capital."""
    for codepoint in known:
        upper = chr(codepoint).upper()
        if len(upper) == 1 and ord(upper) != codepoint and ord(upper) in known:
            yield codepoint, ord(upper)


def mirrored_pairs(known: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that mirror each other in right-to-left text, such as brackets, the lower one first."""
    names = {unicodedata.name(chr(c)): c for c in known if unicodedata.mirrored(chr(c))}
    for name, codepoint in names.items():
        other = names.get(mirrored_name(name))
        if other is not None and codepoint < other:
            yield codepoint, other


def mirrored_name(name: str) -> str:
    """Return the name with left and right, less and greater and the like swapped.

    Example:
        >>> mirrored_name("LEFT-POINTING ANGLE BRACKET"), mirrored_name("GREATER-THAN BUT NOT EQUAL TO")
        ('RIGHT-POINTING ANGLE BRACKET', 'LESS-THAN BUT NOT EQUAL TO')
    """
    swap = MIRRORED_WORDS | {b: a for a, b in MIRRORED_WORDS.items()}
    longest_first = "|".join(sorted(swap, key=len, reverse=True))
    return re.sub(rf"\b(?:{longest_first})\b", lambda found: swap[found[0]], name)


def identifier(codepoint: int) -> str:
    """Return the id of a character.

    Example:
        >>> identifier(65)
        'U+0041'
    """
    return f"U+{codepoint:04X}"


def _font_version(font: Path) -> str:
    # Record 5 of the name table holds the version, in the encoding of platform 3 (Windows).
    return FT2Font(str(font)).get_sfnt()[3, 1, 0x409, 5].decode("utf-16-be")
