from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.columns import Columns
from mmgraph.errors import ConfigError, DataError

TABLE = pd.DataFrame(
    {
        "area": [1.0, 10.0, 1e8, np.nan],
        "colour": ["red", "red", "blue", None],
        "day": pd.to_datetime(pd.Series(["2024-01-01", "2024-02-01", "2025-01-01", "2026-01-01"])),
    }
)
KINDS = {"area": "numeric", "colour": "categorical", "day": "date"}


@pytest.fixture
def table(raw, quiet):
    """Return a function that describes a table as the dataset gives it."""
    return lambda frame, kinds=KINDS: Columns().describe(raw("tabular", frame, kinds), quiet)


def test_columns_stand_side_by_side_and_indicators_at_the_end(table):
    encoder = Columns(min_count=1)
    described = table(TABLE)
    encoder.fit(described)
    features = encoder.transform(described)
    assert features.shape == (4, encoder.channels) == (4, 1 + 2 + 5 + 2)
    assert features[:, 1:3].tolist() == [[0, 1], [0, 1], [1, 0], [0, 0]]
    assert features[:, -2:].tolist() == [[0, 0], [0, 0], [0, 0], [1, 1]]
    assert features[3, 0] == 0


def test_only_what_is_missing_in_training_is_indicated(table):
    encoder = Columns()
    described = table(TABLE)
    encoder.fit(described.iloc[:3])
    assert encoder.fitted.indicated == []
    assert np.isfinite(encoder.transform(described)).all()


def test_the_order_of_columns_does_not_matter_later(table):
    encoder = Columns()
    encoder.fit(table(TABLE))
    turned = table(TABLE[["day", "colour", "area"]], dict(reversed(KINDS.items())))
    assert encoder.transform(turned).tobytes() == encoder.transform(table(TABLE)).tobytes()


def test_the_columns_keep_their_order_through_json(table):
    encoder = Columns()
    encoder.fit(table(TABLE[["day", "area"]], {"day": "date", "area": "numeric"}))
    state, arrays = encoder.state()
    again = Columns.from_state(json.loads(json.dumps(state, sort_keys=True)), arrays)
    assert list(again.fitted.columns) == ["day", "area"]


def test_a_column_that_is_absent_later_is_named(table):
    encoder = Columns()
    encoder.fit(table(TABLE))
    renamed = TABLE.rename(columns={"area": "areas"})
    with pytest.raises(DataError, match=r"no column 'area'.*Did you mean 'areas'\?"):
        encoder.transform(table(renamed, {"areas": "numeric", "colour": "categorical", "day": "date"}))


def test_the_way_of_scaling_is_chosen(table):
    values = {}
    for method in ("quantile", "log", "standard"):
        encoder = Columns(numeric=method)
        described = table(TABLE[["area"]], {"area": "numeric"})
        encoder.fit(described)
        values[method] = encoder.transform(described)[:, 0].round(3).tolist()
    assert len({tuple(column) for column in values.values()}) == 3


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"numeric": "quantiles"}, r"got 'quantiles'.*Did you mean 'quantile'\?"),
        ({"min_cuont": 3}, r"Did you mean 'min_count'\?"),
        ({"max_categories": 0}, "wanted a number of at least 1"),
    ],
)
def test_wrong_parameters_are_refused(parameters, problem):
    with pytest.raises(ConfigError, match=problem):
        Columns.from_config(parameters, where="a.yaml: encoder")


def test_categories_that_no_training_row_had_are_told():
    encoder = Columns(min_count=2)
    encoder.fit(pd.DataFrame({"colour": ["red", "red", "blue"], "size": [1.0, 2.0, 3.0]}))
    table = pd.DataFrame({"colour": ["red", "blue", "pink", None], "size": [1.0, 99.0, 2.0, 1.0]})
    kinds = {"colour": "categorical", "size": "numeric"}
    raw = RawModality("tabular", np.arange(4), table, kinds)
    assert encoder.unseen(raw) == ["", "", "unseen colour 'pink'", ""]


RICH = pd.DataFrame(
    {
        "size": pd.Categorical(["S", "L", None, "M"], categories=["S", "M", "L"], ordered=True),
        "note": ["soft wool", None, "soft cotton", "hard steel"],
        "north": [52.5, 48.9, np.nan, -33.9],
        "east": [13.4, 2.4, np.nan, 151.2],
        "price": [1.0, 2.0, 4.0, np.nan],
    }
)
RICH_KINDS = {
    "size": "ordinal",
    "note": "text",
    "north": "latitude",
    "east": "longitude",
    "price": "numeric",
}


def test_ranks_texts_places_and_waves_stand_side_by_side(table):
    encoder = Columns(frequencies=1, text_components=2)
    described = table(RICH, RICH_KINDS)
    encoder.fit(described)
    features = encoder.transform(described)
    names = encoder.feature_names()
    assert features.shape == (4, encoder.channels) == (4, len(names))
    assert names[:2] == ["size: M or more", "size: L or more"]
    np.testing.assert_allclose(features[:, :2], [[0, 0], [1, 1], [2 / 3, 1 / 3], [1, 0]])
    assert {"note: component 1", "north, east: x", "price", "price: sine of 1", "price: empty"} <= set(names)
    assert features[2, [names.index(f"north, east: {axis}") for axis in "xyz"]].tolist() == [0, 0, 0]
    assert features[2, names.index("north, east: empty")] == 1


def test_a_place_is_kept_apart_from_a_column_that_is_named_like_it(table):
    both = RICH[["north", "east"]].assign(**{"north, east": RICH["price"]})
    encoder = Columns()
    kinds = {"north": "latitude", "east": "longitude", "north, east": "numeric"}
    described = table(both, kinds)
    encoder.fit(described)
    assert list(encoder.fitted.columns) == ["north, east (place)", "north, east"]
    assert encoder.fitted.width == 4


def test_all_kinds_come_back_from_their_state(table):
    encoder = Columns(frequencies=2)
    described = table(RICH, RICH_KINDS)
    encoder.fit(described)
    state, arrays = encoder.state()
    again = Columns.from_state(json.loads(json.dumps(state)), arrays)
    assert again.transform(described).tobytes() == encoder.transform(described).tobytes()


def test_each_filled_cell_is_a_token_of_its_column(raw, quiet):
    encoder = Columns(tokens=True, text_components=2)
    cells = encoder.describe(raw("tabular", RICH, RICH_KINDS), quiet)
    assert cells.lengths.tolist() == [4, 3, 2, 3]
    encoder.fit(cells.values)
    tokens = encoder.transform(cells.values)
    names = encoder.feature_names()
    assert tokens.shape == (12, encoder.channels) == (12, len(names))
    there = tokens[:, -4:]
    assert there.sum(axis=1).tolist() == [1] * 12
    # A token has no number but those of its own column, which are those that the row has without tokens.
    whole = Columns(text_components=2)
    described = whole.describe(raw("tabular", RICH, RICH_KINDS), quiet)
    whole.fit(described)
    rows = whole.transform(described)
    summed = np.stack([tokens[cells.item == row].sum(axis=0) for row in range(4)])
    rows[2, :2] = 0.0  # the mean rank, which an empty cell is; a token it is not
    assert summed[:, :-4] == pytest.approx(rows[:, : whole.fitted.width])
    for token, column in zip(tokens, there.argmax(axis=1), strict=True):
        own = list(encoder.fitted.columns)[column]
        foreign = [n for n, name in enumerate(names) if name != own and not name.startswith(f"{own}:")]
        assert not token[foreign].any()


def test_tokens_are_fitted_on_the_rows_they_are_given_of(raw, quiet):
    encoder = Columns(tokens=True, numeric="standard")
    cells = encoder.describe(raw("tabular", RICH, RICH_KINDS), quiet)
    training = np.array([True, True, False, False])
    encoder.fit(cells.values[training[cells.item]])
    price = encoder.fitted.columns["price"]
    assert price.scale.mean == 1.5


def test_what_the_numbers_mean_is_what_they_are_called_but_for_texts(table):
    def meaning(values, kinds):
        encoder = Columns(text_components=2)
        encoder.fit(table(values, kinds))
        return encoder.meaning()

    facts = {name: kind for name, kind in RICH_KINDS.items() if name != "note"}
    cheaper = RICH.assign(price=RICH["price"] / 2)
    assert meaning(RICH[[*facts]], facts) == meaning(cheaper[[*facts]], facts)
    assert meaning(RICH, RICH_KINDS) == meaning(cheaper, RICH_KINDS)
    others = RICH.assign(note=["warm lamp", None, "cold lamp", "old chair"])
    assert meaning(RICH, RICH_KINDS) != meaning(others, RICH_KINDS)
