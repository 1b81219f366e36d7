"""Makes the ``countries`` dataset from the World Factbook, mledoze/countries and Noto's flags."""

from __future__ import annotations

import html
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from mmgraph.errors import DataError, Faults
from mmgraph.progress import Progress

NEEDS_SOURCE = True

COUNTRIES = "countries.json"
FACTBOOK = "factbook"
FLAGS = "flags"
FLAG_SIZE = 160

NOTO = "https://raw.githubusercontent.com/googlefonts/noto-emoji/b3e3051a088047d19fd4d49b1c3ac42fb8c3aaf8"
UPSTREAM = {
    COUNTRIES: "https://raw.githubusercontent.com/mledoze/countries/5e9f370050f83ad2ba4cb885f75d66114badf72c",
    FACTBOOK: "https://raw.githubusercontent.com/factbook/factbook.json/8662a8b17a784841ab4528631b04090eb2f183eb",
    FLAGS: f"{NOTO}/third_party/region-flags/png",
}
# Links in Noto's repository, which a raw address does not follow: these places fly another's flag.
SAME_FLAG = {"BV": "NO", "HM": "AU", "MF": "FR", "SJ": "NO"}

# The Factbook has two entries for the one country Palestine: the West Bank stands for it.
LEFT_OUT = frozenset({"middle-east/gz"})
# What the Factbook calls a trade partner, where the table of countries calls it otherwise.
PARTNERS = {
    "us": "USA",
    "usa": "USA",
    "uk": "GBR",
    "uae": "ARE",
    "nz": "NZL",
    "s korea": "KOR",
    "turkey": "TUR",
    "cote divoire": "CIV",
    "drc": "COD",
    "burma": "MMR",
}

# Numeric columns: where each stands, and whether its logarithm is taken, as for amounts that span decades.
# None of them is an amount of money, so that none all but gives the GDP.
NUMBERS: dict[str, tuple[tuple[str, ...], bool]] = {
    "log_area": (("Geography", "Area", "total "), True),
    "log_coastline": (("Geography", "Coastline"), True),
    "mean_elevation": (("Geography", "Elevation", "mean elevation"), False),
    "agricultural_land": (("Geography", "Land use", "agricultural land"), False),
    "forest": (("Geography", "Land use", "forest"), False),
    "log_population": (("People and Society", "Population", "total"), True),
    "median_age": (("People and Society", "Median age", "total"), False),
    "population_growth": (("People and Society", "Population growth rate"), False),
    "birth_rate": (("People and Society", "Birth rate"), False),
    "death_rate": (("People and Society", "Death rate"), False),
    "net_migration": (("People and Society", "Net migration rate"), False),
    "life_expectancy": (("People and Society", "Life expectancy at birth", "total population"), False),
    "infant_mortality": (("People and Society", "Infant mortality rate", "total"), False),
    "fertility": (("People and Society", "Total fertility rate"), False),
    "urban_population": (("People and Society", "Urbanization", "urban population"), False),
    "obesity": (("People and Society", "Obesity - adult prevalence rate"), False),
    "alcohol": (("People and Society", "Alcohol consumption per capita", "total"), False),
    "unemployment": (("Economy", "Unemployment rate"), False),
    "gini": (("Economy", "Gini Index coefficient - distribution of family income"), False),
}
GDP_PER_CAPITA = ("Economy", "Real GDP per capita")

# The prose is the history of a country in a few paragraphs. The sections on geography are left out, as they
# say where it lies, and so is the economic overview, which says how rich it is.
PROSE = ("Introduction", "Background")
FLAG_DESCRIPTION = ("Government", "Flag")

# Every way to say a region, a part of one or what belongs to one; and the abbreviations of names.
REGION_WORDS = re.compile(
    r"\b(?i:\w*africa|\w*america|(?:eur|austral)?asia|australasia|euro|oceania|(?:sub)?antarctic|caribbean"
    r"|(?:mela|micro|poly|austro)nesia|(?:sub-)?sahara|middle east|balkan|scandinavia|maghreb|levant|latin)"
    r"\w*\b"
    r"|\b(?:EU|ASEAN|CARICOM|ECOWAS|US|USA|UK|UAE|DRC)\b"
)
# Words of names that any text may hold: masking them would blank out more than the name.
COMMON_WORDS = """
    administrative and bailiwick central city coast commonwealth cooperative democratic east equatorial
    federal federated federation grand great heard independent isle islamic island islands kingdom lands man
    nation new north northern ocean of peace people peoples plurinational principality republic saint south
    southern sovereign special state states territories territory the union united west
"""


def _sources() -> list[dict[str, str]]:
    sources = []
    for line in Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines():
        sha256, path = line.split("  ", 1)
        top, _, rest = path.partition("/")
        code = rest.removesuffix(".png")
        name = f"{SAME_FLAG.get(code, code)}.png" if top == FLAGS else rest or top
        sources.append({"path": path, "url": f"{UPSTREAM[top]}/{name}", "sha256": sha256})
    return sources


SOURCES = _sources()


def prepare(out: Path, source: Path | None, progress: Progress) -> None:
    """Write the tables and the flags into ``out``.

    Args:
        out: An empty folder.
        source: The folder with ``countries.json``, ``factbook/`` and ``flags/``.
        progress: Told about every flag.

    Raises:
        DataError: If a source file is missing or cannot be read.
    """
    assert source is not None, "prepare_dataset gives every dataset with NEEDS_SOURCE a source folder"
    check(source)
    countries = read_json(source / COUNTRIES)
    pages = match(countries, read_factbook(source / FACTBOOK))
    pages = [(country, page) for country, page in pages if (source / FLAGS / flag_name(country)).is_file()]
    if not pages:
        raise DataError(
            f"no country has an entry in {COUNTRIES}, a page in {FACTBOOK} and a flag in {FLAGS}",
            where=str(source),
            fix="Check that the three come from the releases that the dataset's README names.",
        )
    (out / FLAGS).mkdir()
    with progress.job("scale flags", total=len(pages)) as advance:
        for country, _ in pages:
            scale_flag(source / FLAGS / flag_name(country), out / FLAGS / flag_name(country))
            advance()
    names = everyones_words(countries)
    table = pd.DataFrame([row(country, page, names) for country, page in pages])
    table.to_parquet(out / "countries.parquet", index=False)
    borders(pages).to_csv(out / "borders.csv", index=False, lineterminator="\n")
    for name in ("Exports", "Imports"):
        trade(pages, f"{name} - partners").to_csv(
            out / f"{name.lower()}.csv", index=False, lineterminator="\n"
        )


def check(source: Path) -> None:
    """Report every part of the source folder that is missing, all at once."""
    faults = Faults()
    fix = (
        "Pass the folder with countries.json, factbook/<region>/<code>.json and flags/<code>.png as --source."
    )
    if not (source / COUNTRIES).is_file():
        faults.add(str(source / COUNTRIES), "there is no such file", fix)
    for folder, pattern in ((FACTBOOK, "*/*.json"), (FLAGS, "*.png")):
        if not any((source / folder).glob(pattern)):
            faults.add(str(source / folder), f"there are no files {pattern}", fix)
    faults.raise_if_any(DataError)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"is not JSON ({error})", where=str(path), fix="Fetch the file again.") from error


def read_factbook(folder: Path) -> dict[str, Any]:
    """Return the pages of the Factbook by folder and code, e.g. ``europe/gm``."""
    files = sorted(folder.glob("*/*.json"))
    pages = {f"{file.parent.name}/{file.stem}": read_json(file) for file in files}
    return {key: page for key, page in pages.items() if key not in LEFT_OUT}


def match(countries: list[dict[str, Any]], pages: dict[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    """Return each country with its page of the Factbook, by its internet code or else by its name."""
    by_code = {f".{c['cca2'].lower()}": c for c in countries}
    by_name = {fold(c["name"][kind]): c for kind in ("official", "common") for c in countries}
    found = {}
    for page in pages.values():
        code = text_of(page, "Communications", "Internet country code")[:3]
        forms = ("conventional short form", "conventional long form")
        names = [text_of(page, "Government", "Country name", form) for form in forms]
        country = by_code.get(code) or next((by_name[fold(n)] for n in names if fold(n) in by_name), None)
        if country:
            found[country["cca3"]] = (country, page)
    return [found[code] for code in sorted(found)]


def fold(name: str) -> str:
    """Return a name without case, accents and marks, to compare it.

    Example:
        >>> fold("Côte d'Ivoire"), fold("Trinidad & Tobago"), fold("St. Lucia")
        ('cote divoire', 'trinidad and tobago', 'saint lucia')
    """
    letters = unicodedata.normalize("NFKD", html.unescape(name)).replace("&", "and").replace("-", " ").lower()
    plain = re.sub(r"[^a-z ]", "", letters)
    return re.sub(r"\bst\b", "saint", plain).strip()


def text_of(page: Any, *keys: str) -> str:
    """Return the text at a place of a page, of the latest year where there are several; "" without one."""
    for key in keys:
        page = page.get(key) if isinstance(page, dict) else None
    if isinstance(page, dict) and "text" not in page:
        page = next((part for part in page.values() if isinstance(part, dict)), None)
    text = page.get("text") if isinstance(page, dict) else None
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split()) if text else ""


def number(text: str) -> float | None:
    """Return the number that a text starts with.

    Example:
        >>> number("$4.66 trillion (2024 est.)"), number("-0.13% (2025 est.)"), number("uninhabited")
        (4660000000000.0, -0.13, None)
    """
    found = re.match(r"(?:\([^)]*\) )?\$?(-?[\d,]*\.?\d+)(?: (million|billion|trillion))?", text)
    if not found:
        return None
    power = {"million": 1e6, "billion": 1e9, "trillion": 1e12}.get(found[2], 1.0)
    return float(found[1].replace(",", "")) * power


def row(country: dict[str, Any], page: Any, names: set[str]) -> dict[str, Any]:
    """Return a country's row of the entity table.

    Args:
        country: The entry of ``countries.json``.
        page: The page of the Factbook.
        names: The words to mask in every text.
    """
    hidden = names | own_words(country)
    values: dict[str, Any] = {
        "id": country["cca3"],
        "name": country["name"]["common"],
        "flag": f"{FLAGS}/{flag_name(country)}",
        "flag_description": mask(text_of(page, *FLAG_DESCRIPTION), hidden),
        "prose": mask(text_of(page, *PROSE), hidden),
        "languages": "|".join(country["languages"]) or None,
        "region": None if country["region"] == "Antarctic" else country["region"],
    }
    for column, (place, logarithm) in NUMBERS.items():
        amount = number(text_of(page, *place))
        values[column] = math.log10(1 + amount) if logarithm and amount is not None else amount
    gdp = number(text_of(page, *GDP_PER_CAPITA))
    values["log_gdp"] = math.log10(gdp) if gdp else None
    return values


def everyones_words(countries: list[dict[str, Any]]) -> set[str]:
    """Return the words that name any country or its people.

    All of them are masked in every text: one that names the neighbours says the region.
    """
    names = list(PARTNERS)
    for country in countries:
        names += [country["name"]["common"], *country["demonyms"].get("eng", {}).values()]
    return name_words(names)


def own_words(country: dict[str, Any]) -> set[str]:
    """Return the words of the official name, of the names in the country's languages and of its capital."""
    native = [form for names in country["name"]["native"].values() for form in names.values()]
    return name_words([country["name"]["official"], *native, *country["capital"]])


def name_words(names: Iterable[str]) -> set[str]:
    """Return the words of names, in lower case, without those that any text may hold."""
    words = {word for name in names for word in re.findall(r"\w+", name.lower()) if len(word) > 2}
    words -= set(COMMON_WORDS.split())
    return words | {word.removesuffix("s") for word in words if len(word) > 4}


def mask(text: str, hidden: set[str]) -> str | None:
    """Return the text without region words and without the ``hidden`` words, their plural and possessive.

    Example:
        >>> mask("Fiji's chiefs and the Fijians joined South Asia", {"fiji", "fijian"})
        'chiefs and the joined South'
    """

    def without(found: re.Match[str]) -> str:
        word = re.sub(r"['’]s$", "", found[0].lower())
        return " " if {word, word.removesuffix("s")} & hidden else found[0]

    kept = re.sub(r"\w+(?:['’]s\b)?", without, REGION_WORDS.sub(" ", text))
    return " ".join(kept.split()) or None


def flag_name(country: dict[str, Any]) -> str:
    """Return the name of the country's flag file."""
    return f"{country['cca2']}.png"


def scale_flag(source: Path, target: Path) -> None:
    """Write the flag scaled to at most 160 pixels; one that is that small already keeps its pixels."""
    try:
        with Image.open(source) as file:
            flag = file.convert("RGBA")
    except OSError as error:
        raise DataError(
            f"is not a picture ({error})", where=str(source), fix="Fetch the file again."
        ) from error
    flag.thumbnail((FLAG_SIZE, FLAG_SIZE), Image.Resampling.BICUBIC)
    flag.save(target)


def borders(pages: list[tuple[dict[str, Any], Any]]) -> pd.DataFrame:
    """Return the pairs of neighbours, each once."""
    known = {country["cca3"] for country, _ in pages}
    pairs = {
        tuple(sorted((country["cca3"], neighbour)))
        for country, _ in pages
        for neighbour in country["borders"]
        if neighbour in known
    }
    return pd.DataFrame(sorted(pairs), columns=["country", "neighbour"])


def trade(pages: list[tuple[dict[str, Any], Any]], section: str) -> pd.DataFrame:
    """Return each country's main partners in trade with their share in percent."""
    codes = {fold(country["name"]["common"]): country["cca3"] for country, _ in pages}
    codes |= {name: code for name, code in PARTNERS.items() if code in codes.values()}
    edges = [
        (country["cca3"], codes[name], share)
        for country, page in pages
        for name, share in partners(text_of(page, "Economy", section))
        if name in codes and share > 0
    ]
    return pd.DataFrame(edges, columns=["country", "partner", "percent"])


def partners(text: str) -> Iterator[tuple[str, float]]:
    """Yield the folded names and the percentages in a list of partners.

    Example:
        >>> list(partners("USA 10%, The Gambia 8.5%, others (2023)"))
        [('usa', 10.0), ('gambia', 8.5)]
    """
    for name, share in re.findall(r"([^,%]*?[^,%\d.]) ?([\d.]+)%", text):
        yield fold(name).removeprefix("the "), float(share)
