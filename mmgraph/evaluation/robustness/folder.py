"""The folder of what was tried of a run: JSON, tables and plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mmgraph.atomic import atomic_folder
from mmgraph.evaluation.paper_figures import save_figure
from mmgraph.evaluation.robustness.plots import plots

if TYPE_CHECKING:
    from mmgraph.evaluation.robustness.robustness import Robustness

MARKER = "robustness.json"


def save_robustness(found: Robustness, folder: Path, *, overwrite: bool = False) -> None:
    """Write what was tried, whole or not at all.

    Args:
        found: What was tried.
        folder: Where to.
        overwrite: Replace an earlier folder of the same kind.

    Raises:
        UserError: If the folder is there already and must not be replaced.
    """
    tables = {
        "measurements": found.measurements,
        "curves": found.curves(),
        "combinations": found.combinations,
        "neighbours": found.neighbours,
        "groups": found.groups,
        "selective": found.selective,
    }
    if found.calibration is not None:
        tables["reliability"] = found.calibration.reliability
    with atomic_folder(folder, marker=MARKER, overwrite=overwrite) as new:
        content = json.dumps(found.to_json(), indent=2, ensure_ascii=False, default=float)
        (new / MARKER).write_text(content + "\n", encoding="utf-8")
        for name, table in tables.items():
            if len(table):
                table.to_csv(new / f"{name}.csv", index=False)
        for name, figure in plots(found).items():
            save_figure(figure, new, name)
