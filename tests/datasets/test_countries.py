"""Countries: the recipe on a small source folder in the upstream layout, and on the public files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import prepare_dataset
from mmgraph.errors import DataError
from mmgraph.progress import Progress


def _country(code: str, name: str, region: str, **more: Any) -> dict[str, Any]:
    entry = {
        "name": {"common": name, "official": f"Republic of {name}", "native": {}},
        "cca2": code[:2],
        "cca3": code,
        "region": region,
        "borders": [],
        "languages": {"eng": "English"},
        "capital": [],
        "demonyms": {"eng": {"f": f"{name}n", "m": f"{name}n"}},
    }
    return entry | more


COUNTRIES = [
    _country(
        "FRA",
        "France",
        "Europe",
        borders=["ESP"],
        capital=["Paris"],
        languages={"fra": "French"},
        demonyms={"eng": {"f": "French", "m": "French"}},
        flag="🇫🇷",
    ),
    _country(
        "ESP", "Spain", "Europe", borders=["FRA", "AND"], demonyms={"eng": {"f": "Spanish", "m": "Spanish"}}
    ),
    _country("NAM", "Namibia", "Africa"),
    _country("ATA", "Antarctica", "Antarctic"),
    _country("ZZZ", "Nowhere", "Asia"),
]


def _page(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "Introduction": {
            "Background": {"text": f"<p>{name}'s people &amp; the Spanish, in Western Europe.</p>"}
        },
        "Government": {
            "Country name": {"conventional short form": {"text": name}},
            "Flag": {"text": f"three bands, as on the flag of France; {name}n white"},
        },
        "Communications": {"Internet country code": {"text": code}},
        "Economy": {},
    } | more


PAGES = {
    "europe/fr": _page(
        "France",
        "metropolitan France - .fr",
        Geography={"Area": {"total ": {"text": "643,801 sq km"}}},
        Economy={
            "Real GDP per capita": {
                "Real GDP per capita 2024": {"text": "$50,000 (2024 est.)"},
                "Real GDP per capita 2023": {"text": "$1 (2023 est.)"},
            },
            "Exports - partners": {"text": "Spain 12.5%, USA 8%, NA (2023)"},
            "Imports - partners": {"text": "Namibia 3%, Spain 0% (2023)"},
        },
    ),
    "europe/sp": _page("Spain", ".es"),
    "africa/wa": _page("Namibia", ".na"),
    "antarctica/ay": _page("Antarctica", ".aq"),
    "oceans/xq": _page("Arctic Ocean", ""),
}
CODES = {"FRA": "FR", "ESP": "ES", "NAM": "NA", "ATA": "AQ"}


@pytest.fixture
def source(tmp_path: Path, draw_picture: Callable[..., None]) -> Path:
    folder = tmp_path / "source"
    for key, page in PAGES.items():
        path = folder / "factbook" / f"{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(page), encoding="utf-8")
    countries = [country | {"cca2": CODES.get(country["cca3"], "ZZ")} for country in COUNTRIES]
    (folder / "countries.json").write_text(json.dumps(countries), encoding="utf-8")
    for code in CODES.values():
        draw_picture(folder / "flags" / f"{code}.png", size=(300, 200))
    return folder


@pytest.fixture
def make(tmp_path: Path, recipe: Callable[[str], ModuleType]) -> Callable[[Path], Path]:
    def prepare(source: Path) -> Path:
        out = tmp_path / f"from-{source.name}"
        out.mkdir()
        recipe("countries").prepare(out, source, Progress(quiet=True))
        return out

    return prepare


@pytest.fixture
def made(source: Path, make: Callable[[Path], Path]) -> Path:
    return make(source)


@pytest.fixture
def countries(made: Path) -> pd.DataFrame:
    return pd.read_parquet(made / "countries.parquet").set_index("id")


def _edges(folder: Path, name: str) -> list[tuple[Any, ...]]:
    return list(pd.read_csv(folder / f"{name}.csv").itertuples(index=False, name=None))


def test_countries_match_their_page_by_code_or_name(countries: pd.DataFrame) -> None:
    assert list(countries.index) == ["ATA", "ESP", "FRA", "NAM"]


def test_targets(countries: pd.DataFrame) -> None:
    assert countries.loc["FRA", "region"] == "Europe"
    assert pd.isna(countries.loc["ATA", "region"]), "five places are no class"
    assert countries.loc["FRA", "log_gdp"] == pytest.approx(math.log10(50_000)), "the latest year"
    assert pd.isna(countries.loc["ESP", "log_gdp"])


def test_numbers_have_gaps_where_the_page_has_none(countries: pd.DataFrame) -> None:
    assert countries.loc["FRA", "log_area"] == pytest.approx(math.log10(643_802))
    assert pd.isna(countries.loc["ESP", "log_area"])


def test_names_of_all_countries_and_regions_are_masked(countries: pd.DataFrame) -> None:
    assert countries.loc["FRA", "prose"] == "people & the , in Western ."
    assert countries.loc["NAM", "flag_description"] == "three bands, as on the flag of ; white"


def test_flags_are_scaled_and_small_ones_keep_their_pixels(
    made: Path, source: Path, make: Callable[[Path], Path], hashes: Callable[[Path], dict[str, str]]
) -> None:
    with Image.open(made / "flags" / "NA.png") as flag:
        assert flag.size == (160, 107)
    scaled = source.with_name("scaled")
    source.rename(scaled)
    for code in CODES.values():
        (scaled / "flags" / f"{code}.png").write_bytes((made / "flags" / f"{code}.png").read_bytes())
    assert hashes(make(scaled)) == hashes(made)


def test_relations(made: Path) -> None:
    assert _edges(made, "borders") == [("ESP", "FRA")], "each pair once, and none to a country without a page"
    assert _edges(made, "exports") == [("FRA", "ESP", 12.5)]
    assert _edges(made, "imports") == [("FRA", "NAM", 3.0)], "a share of 0 is no edge"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 million (2024 est.)", 1.5e6),
        ("$4.66 trillion", 4.66e12),
        ("-3.5 m", -3.5),
        ("(2017 est.) 77.9", 77.9),
        ("NA (2007 est.)", None),
        ("Saint Helena: 60 km", None),
        ("", None),
    ],
)
def test_numbers_are_read_from_the_start_of_a_text(
    text: str, value: float | None, recipe: Callable[[str], ModuleType]
) -> None:
    assert recipe("countries").number(text) == value


def test_partners_keep_names_that_hold_commas_out(recipe: Callable[[str], ModuleType]) -> None:
    text = "UAE 7%, Trinidad & Tobago 6.5%, Cote d'Ivoire 5%, almost entirely to none"
    assert list(recipe("countries").partners(text)) == [
        ("uae", 7.0),
        ("trinidad and tobago", 6.5),
        ("cote divoire", 5.0),
    ]


def test_a_wrong_source_folder_names_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare_dataset("countries", source=tmp_path, out=tmp_path / "out")
    assert all(name in str(caught.value) for name in ("countries.json", "factbook", "flags", "--source"))
    assert not (tmp_path / "out").exists()


def test_a_page_that_is_no_json_is_named(source: Path, tmp_path: Path) -> None:
    (source / "factbook" / "europe" / "fr.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"fr\.json.*is not JSON"):
        prepare_dataset("countries", source=source, out=tmp_path / "made")


def test_a_flag_that_is_no_picture_is_named(source: Path, tmp_path: Path) -> None:
    (source / "flags" / "FR.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"FR\.png.*is not a picture"):
        prepare_dataset("countries", source=source, out=tmp_path / "made")


def test_sources_that_have_nothing_in_common_are_refused(source: Path, tmp_path: Path) -> None:
    (source / "countries.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="no country has an entry"):
        prepare_dataset("countries", source=source, out=tmp_path / "made")


def test_public_files_give_the_known_counts(prepared: Callable[[str], Path]) -> None:
    dataset = load_dataset(prepared("countries"))
    frame = dataset.frame("country")
    assert len(frame) == 242
    assert frame["region"].notna().sum() == 237
    assert frame["region"].nunique() == 5
    assert frame["log_gdp"].notna().sum() == 218
    assert frame["gini"].isna().sum() == 94
    assert len(dataset.modality("country", "flag_description").index) == 240
    edges = {name: len(_edges(dataset.folder, name)) for name in ("borders", "exports", "imports")}
    assert edges == {"borders": 323, "exports": 1150, "imports": 1141}


def test_no_name_of_a_country_or_region_is_left(
    prepared: Callable[[str], Path], public_source: Callable[[str], Path]
) -> None:
    countries = json.loads((public_source("countries") / "countries.json").read_text(encoding="utf-8"))
    names = {country["name"]["common"] for country in countries if " " not in country["name"]["common"]}
    names |= {"Africa", "African", "Americas", "American", "Asia", "Asian", "Europe", "European", "Oceania"}
    names |= {"Caribbean", "Melanesia", "Micronesia", "Polynesia", "German", "French", "British", "Chinese"}
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    frame = load_dataset(prepared("countries")).frame("country")
    for column in ("prose", "flag_description"):
        left = {word for text in frame[column].dropna() for word in pattern.findall(text)}
        assert left == set(), column


def test_no_number_all_but_gives_the_gdp(prepared: Callable[[str], Path]) -> None:
    dataset = load_dataset(prepared("countries"))
    columns = list(dataset.spec.entities["country"].modalities["numbers"].columns)
    assert not [column for column in columns if "gdp" in column]
    frame = dataset.frame("country")
    assert frame[columns].corrwith(frame["log_gdp"]).abs().max() < 0.9


def test_public_files_give_the_same_bytes_again(
    prepared: Callable[[str], Path],
    public_source: Callable[[str], Path],
    tmp_path: Path,
    hashes: Callable[[Path], dict[str, str]],
) -> None:
    again = prepare_dataset("countries", source=public_source("countries"), out=tmp_path / "again")
    assert hashes(again) == hashes(prepared("countries"))
