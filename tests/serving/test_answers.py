"""Answers for new entities as files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mmgraph.errors import ConfigError
from mmgraph.serving.answers import plain_answers, require_answer_file, write_answers

TABLE = pd.DataFrame(
    {
        "id": ["a", "ü"],
        "prediction": ["x", "y"],
        "probability": [0.75, 0.5],
        "probabilities": [np.array([0.75, 0.25], np.float32), np.array([0.5, 0.5], np.float32)],
        "notes": ["", "no picture; no neighbour by b, c"],
    }
)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_what_is_written_is_read_again(tmp_path, ending):
    file = tmp_path / f"answers.{ending}"
    write_answers(file, TABLE)
    if ending == "csv":
        found = pd.read_csv(file, keep_default_na=False)
        found["probabilities"] = found["probabilities"].map(json.loads)
    elif ending == "jsonl":
        found = pd.DataFrame([json.loads(line) for line in file.read_text("utf-8").splitlines()])
    else:
        found = pd.read_parquet(file)
    assert list(found.columns) == list(TABLE.columns)
    assert found["notes"].tolist() == TABLE["notes"].tolist()
    assert [list(row) for row in found["probabilities"]] == [[0.75, 0.25], [0.5, 0.5]]
    assert found["id"].tolist() == ["a", "ü"]


def test_plain_answers_are_json():
    assert json.loads(json.dumps(plain_answers(TABLE)))[0]["probabilities"] == [0.75, 0.25]
    numbers = pd.DataFrame({"id": ["a"], "prediction": [1.5], "notes": [""]})
    assert plain_answers(numbers) == [{"id": "a", "prediction": 1.5, "notes": ""}]


def test_files_that_cannot_be_written_are_refused_before_the_work(tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.csv, \.jsonl, \.parquet"):
        require_answer_file(tmp_path / "a.xlsx", overwrite=False)
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        require_answer_file(tmp_path / "a.csv", overwrite=False)
    require_answer_file(tmp_path / "a.csv", overwrite=True)
