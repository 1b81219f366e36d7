"""The history of a training, as a table and as a TensorBoard log."""

from __future__ import annotations

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmgraph.training.history import Epoch, history_table, write_tensorboard

HISTORY = [
    Epoch(1, 0.01, 2.0, 1.5, {"accuracy": 0.5, "f1_score": 0.25}),
    Epoch(2, 0.005, 1.0, 1.25, {"accuracy": 0.75, "f1_score": 0.5}),
]


def test_the_table_has_one_row_for_each_epoch():
    assert history_table(HISTORY).to_dict("list") == {
        "epoch": [1, 2],
        "lr": [0.01, 0.005],
        "train_loss": [2.0, 1.0],
        "validation_loss": [1.5, 1.25],
        "validation_accuracy": [0.5, 0.75],
        "validation_f1_score": [0.25, 0.5],
    }


def test_tensorboard_reads_every_column_back(tmp_path):
    table = history_table(HISTORY)
    write_tensorboard(table, tmp_path / "tensorboard")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == set(table) - {"epoch"}
    for name in events.Tags()["scalars"]:
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [1, 2]
        assert [scalar.value for scalar in scalars] == pytest.approx(table[name].tolist())
