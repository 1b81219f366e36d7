"""The history of a training, as a table."""

from __future__ import annotations

from mmgraph.training.history import Epoch, history_table

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
