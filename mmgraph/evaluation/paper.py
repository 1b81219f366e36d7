"""What a comparison or a run leaves for a paper: tables in Markdown and LaTeX, figures as SVG and PNG."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Container
from pathlib import Path

from mmgraph.data.task_spec import TaskSpec
from mmgraph.evaluation.comparison import Comparison, best
from mmgraph.evaluation.paper_figures import confusion_figure, curves_figure, means_figure, save_figure
from mmgraph.evaluation.paper_tables import (
    PaperTable,
    classes_table,
    contrasts_table,
    results_tables,
    slice_tables,
)
from mmgraph.evaluation.report_slices import Slices


def write_paper(comparison: Comparison, folder: Path, *, slices: Slices | None) -> None:
    """Write tables and figures into a folder of their own, in place of earlier ones.

    Args:
        comparison: The comparison, with at least one result; of one entry for a run.
        folder: Where to.
        slices: The tables of slices that the page shows.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = comparison.finished
    leader = best(comparison, comparison.headline, names)
    by_class = isinstance(comparison.spec, TaskSpec)
    tables: dict[str, PaperTable | None] = {
        "differences": contrasts_table(comparison),
        "classes": classes_table(comparison, leader) if by_class else None,
    }
    for titled in (*results_tables(comparison), *slice_tables(slices)):
        tables[file_name(titled.title, taken=tables)] = titled
    for name, table in tables.items():
        if table is not None:
            _write_table(table, folder, name)
    figures = {
        "results": means_figure(comparison) if len(names) > 1 else None,
        "curves": curves_figure(comparison),
        "confusion": confusion_figure(comparison, leader) if by_class else None,
    }
    for name, figure in figures.items():
        if figure is not None:
            save_figure(figure, folder, name)


def file_name(title: str, *, taken: Container[str] = ()) -> str:
    """Return a title as the name of a file, with a number where it would be that of another.

    Args:
        title: The title; what is no Latin letter and no digit is left out.
        taken: The names that there are.

    Example:
        >>> file_name("By the number of edges"), file_name("By 国", taken=["by"])
        ('by-the-number-of-edges', 'by-2')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def _write_table(table: PaperTable, folder: Path, name: str) -> None:
    (folder / f"{name}.md").write_text(table.as_markdown(), encoding="utf-8")
    (folder / f"{name}.tex").write_text(table.as_latex(label=name), encoding="utf-8")
