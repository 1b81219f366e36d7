"""Sets of labels in tables that other forms are made into."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmgraph.data.task_spec import MultiLabelTaskSpec
from mmgraph.errors import Faults
from mmgraph.graph.exchange.entity_table import entity_table

TASKS = {"moods": MultiLabelTaskSpec(kind="multi_label", entity="song", target="moods", split="parts")}


def targets(cells: list[object]) -> tuple[list[object], Faults]:
    faults = Faults()
    columns = pd.DataFrame({"id": [str(row) for row in range(len(cells))], "target:moods": cells})
    table, _ = entity_table(columns, "song", TASKS, where="tables", faults=faults)
    return table["target:moods"].astype(object).where(table["target:moods"].notna(), None).tolist(), faults


def test_lists_and_text_become_the_same_text() -> None:
    found, faults = targets([["b", "a"], np.array(["a", "b"]), '["b", "a"]', [], None])
    assert found == ['["a", "b"]'] * 3 + ["[]", None]
    assert not faults.found


def test_other_text_is_a_fault() -> None:
    _, faults = targets([["b"], "b|a"])
    assert [str(fault) for fault in faults.found] == [
        "tables.target:moods: got 'b|a'; wanted a JSON list of texts. Give lists of labels, or such text: "
        '["red", "round"].'
    ]
