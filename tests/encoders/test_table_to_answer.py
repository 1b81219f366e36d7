"""A table with columns of all kinds, from its file to answers for new rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.evaluation.explanation.explain import explain

SPEC = """\
format: 1
name: goods
entities:
  thing:
    table: things.csv
    modalities:
      facts:
        kind: tabular
        columns:
          size: {kind: ordinal, order: [small, medium, large]}
          note: text
          sold: date
          lat: latitude
          lon: longitude
          price: numeric
          shelf: categorical
splits:
  main: {kind: random, entity: thing, seed: 0, fractions: {train: 0.6, validation: 0.2, test: 0.2}}
tasks:
  kind: {entity: thing, target: kind, split: main}
"""
SMALL = ("model.hidden_channels=16", "max_epochs=40", "device=cpu")


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a dataset in which size, note and hour tell what a thing is; a third is empty."""
    folder = tmp_path_factory.mktemp("goods")
    rng = np.random.default_rng(0)
    count = 150
    soft = rng.random(count) < 0.5
    there = rng.random((count, 3)) < 0.67
    frame = pd.DataFrame(
        {
            "id": [f"t{number}" for number in range(count)],
            "size": np.where(soft, rng.choice(["small", "medium"], count), "large"),
            "note": np.where(soft, "warm wool", rng.choice(["steel bolt", "iron nut"], count)),
            "sold": np.where(soft, "2024-05-01T08:00", "2024-05-01T20:00"),
            "lat": rng.uniform(40, 50, count).round(3),
            "lon": rng.uniform(0, 10, count).round(3),
            "price": rng.lognormal(0, 2, count).round(2),
            "shelf": rng.choice(["a", "b"], count),
            "kind": np.where(soft, "wear", "hard"),
        }
    )
    for place, name in enumerate(("size", "note", "sold")):
        frame[name] = frame[name].where(there[:, place], "")
    frame.to_csv(folder / "things.csv", index=False)
    (folder / "dataset.yaml").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.mark.parametrize("tokens", [False, True])
def test_from_a_table_to_answers_for_new_rows(goods: Path, tmp_path: Path, tokens: bool) -> None:
    chosen = f"entities.thing.modalities.facts.encoder={{name: columns, frequencies: 1, tokens: {tokens}}}"
    graph = mg.build_graph(mg.load_dataset(goods, overrides=[chosen]))
    cells = pd.read_csv(goods / "things.csv").drop(columns=["id", "kind", "lon"]).notna().to_numpy().sum()
    assert len(graph.nodes["thing/facts"]) == (cells if tokens else 150)
    graph.save(tmp_path / "graph")
    model = "cross_modal_transformer" if tokens else "mlp"
    run = mg.train(mg.load_graph(tmp_path / "graph"), task="kind", model=model, overrides=SMALL, seed=0)
    assert run.metrics()["test"]["accuracy"] > 0.85
    new = pd.DataFrame(
        {
            "id": ["a", "b"],
            "size": ["small", "large"],
            "note": ["warm socks", "brass bolt"],
            "sold": ["2024-06-01T08:30", None],
            "lat": [45.0, None],
            "lon": [5.0, None],
            "price": [None, 1.0],
            "shelf": ["a", "unheard of"],
        }
    )
    said = mg.predict(run, new).set_index("id")
    assert said["prediction"].tolist() == ["wear", "hard"]
    assert "unseen shelf 'unheard of'" in str(said.loc["b"].to_dict())
    found = explain(run, "t0", orders=4)
    names = set(found.strongest_features(40)["name"])
    assert {"size: medium or more", "sold: sine of time", "lat, lon: x", "price: sine of 1"} <= names
