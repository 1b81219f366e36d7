"""Splits as dataset.yaml asks for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mmgraph.data.entity_table import EntityTable
from mmgraph.data.spec import Split
from mmgraph.data.splits import assign
from mmgraph.errors import DataError

THIRDS = {"train": 0.5, "validation": 0.25, "test": 0.25}


def split(frame: pd.DataFrame, **spec: Any) -> np.ndarray:
    parsed: Split = TypeAdapter(Split).validate_python({"entity": "thing", **spec})
    return assign(
        parsed,
        EntityTable(frame, pa.array(list(frame["id"]), pa.large_string()), "t.csv"),
        where="dataset.yaml: splits.s",
    )


def things(count: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"n{i}" for i in range(count)],
            "kind": [["a", "b", None, "c"][(7 * i + i // 3) % 4] for i in range(count)],
            "family": [None if i % 10 == 0 else f"f{i // 4}" for i in range(count)],
            "year": [str(1990 + i // 2) for i in range(count)],
        }
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "random", "fractions": THIRDS},
        {"kind": "stratified", "by": "kind", "fractions": THIRDS},
        {"kind": "grouped", "group": "family", "fractions": THIRDS},
        {"kind": "grouped", "group": "family", "by": "kind", "fractions": THIRDS},
        {"kind": "time", "column": "year", "fractions": THIRDS},
    ],
    ids=lambda spec: "-".join(spec[key] for key in ("kind", "by") if key in spec),
)
@settings(max_examples=25)
@given(st.randoms())
def test_split_does_not_depend_on_the_order_of_rows(spec: dict[str, Any], random: Any) -> None:
    frame = things()
    found = pd.Series(split(frame, **spec), index=frame["id"])
    order = list(range(len(frame)))
    random.shuffle(order)
    moved = frame.iloc[order].reset_index(drop=True)
    again = pd.Series(split(moved, **spec), index=moved["id"])
    assert again.reindex(found.index).equals(found)
    share = found.value_counts(normalize=True)
    assert share["train"] == pytest.approx(0.5, abs=0.11)
    assert share["validation"] == pytest.approx(0.25, abs=0.11)


@pytest.mark.parametrize("kind", ["random", "stratified", "grouped"])
def test_seed_changes_the_split(kind: str) -> None:
    names = {"random": {}, "stratified": {"by": "kind"}, "grouped": {"group": "family"}}[kind]
    one, other, again = (
        split(things(), kind=kind, fractions=THIRDS, seed=seed, **names).tolist() for seed in (1, 2, 1)
    )
    assert one != other
    assert one == again


def test_new_entities_hardly_move_the_old_ones() -> None:
    before = split(things(1000), kind="random", fractions=THIRDS)
    after = split(things(1010), kind="random", fractions=THIRDS)[:1000]
    assert np.mean(before != after) < 0.02


def test_random_split_has_the_exact_fractions() -> None:
    parts = split(things(), kind="random", fractions={"train": 0.6, "validation": 0.1, "test": 0.3})
    assert parts.dtype == np.dtype("<U10")
    assert {part: int(np.sum(parts == part)) for part in ("train", "validation", "test")} == {
        "train": 24,
        "validation": 4,
        "test": 12,
    }


def test_empty_cells_are_a_stratum() -> None:
    frame = things()
    parts = split(frame, kind="stratified", by="kind", fractions=THIRDS)
    counts = pd.crosstab(frame["kind"].fillna("none"), parts)
    assert len(counts) == 4
    assert (abs(counts["train"] - counts.sum(axis=1) / 2) <= 1).all()
    assert counts["train"].sum() == 20


def test_groups_stay_whole_and_empty_cells_stand_alone() -> None:
    frame = things(400)
    parts = pd.Series(split(frame, kind="grouped", group="family", fractions=THIRDS))
    assert (parts.groupby(frame["family"]).nunique() == 1).all()
    assert parts[frame["family"].isna()].nunique() == 3


def test_time_split_keeps_years_together() -> None:
    frame = things()
    parts = pd.Series(split(frame, kind="time", column="year", fractions=THIRDS))
    assert (parts.groupby(frame["year"]).nunique() == 1).all()
    years = frame["year"].astype(int)
    assert years[parts == "train"].max() < years[parts == "validation"].min()
    assert years[parts == "validation"].max() < years[parts == "test"].min()


def test_column_split() -> None:
    frame = pd.DataFrame({"id": list("abcd"), "part": ["test", "train", None, "validation"]})
    assert split(frame, kind="column", column="part").tolist() == ["test", "train", "", "validation"]


def test_column_split_with_other_values() -> None:
    frame = pd.DataFrame({"id": list("abcd"), "part": ["test", "Train", "train", "dev"]})
    with pytest.raises(DataError) as caught:
        split(frame, kind="column", column="part")
    assert str(caught.value) == (
        "t.csv: column 'part', row 2 (id 'b'): got 'Train'; wanted train, validation, test or nothing "
        "(also in row 4). Did you mean 'train'?"
    )


def test_part_without_entities() -> None:
    with pytest.raises(DataError, match=r"^dataset\.yaml: splits\.s: no entity is in validation \(train 3, "):
        split(things(4), kind="random", fractions={"train": 0.8, "validation": 0.01, "test": 0.19})
    frame = pd.DataFrame({"id": list("ab"), "part": ["test", "train"]})
    with pytest.raises(DataError, match="Write 'validation' for some entities in the column 'part'"):
        split(frame, kind="column", column="part")
