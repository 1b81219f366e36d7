"""What commands write to standard output: one JSON document, or tables and lines for people."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from json import dumps
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmgraph.readable import readable

if TYPE_CHECKING:
    from mmgraph.evaluation.comparison import Comparison
    from mmgraph.training.run import Run
    from mmgraph.tuning.study import Study

_WIDTH_OF_A_PIPE = 200
_BEST_TRIALS = 10


def write_json(document: Any) -> None:
    """Write one JSON document; a number that JSON does not know becomes ``null``."""
    typer.echo(dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def write_line(text: str) -> None:
    """Write one line."""
    typer.echo(text)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Write a table; columns of numbers are aligned to the right.

    What is wider than the terminal is written in parts, one below the other, each with the first column:
    no word and no number is broken that has room on a line of its own.

    Args:
        columns: The headings.
        rows: The cells; anything that ``str`` can show.
        title: A line above the table.
    """
    cells = [[_shown(value) for value in row] for row in rows]
    # A pipe has no width: cells are not to be folded at 80 columns there.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE, highlight=False)
    filled = [[column, *(row[index] for row in cells)] for index, column in enumerate(columns)]
    # A word that takes most of the line, such as a path, is folded.
    least = [min(_least_width(column), console.width * 3 // 5) for column in filled]
    for part in _parts(least, console.width):
        table = Table(title=title or None, title_justify="left", header_style="bold")
        most = [max(map(cell_len, filled[index])) for index in part]
        for index, width in zip(part, _widths([least[i] for i in part], most, console.width), strict=True):
            numeric = bool(cells) and all(_is_number(row[index]) for row in cells)
            table.add_column(
                Text(columns[index]),
                justify="right" if numeric else "left",
                overflow="fold",
                width=width,
            )
        for row in cells:
            table.add_row(*(Text(row[index]) for index in part))
        console.print(table)
        title = ""


def _least_width(cells: Sequence[str]) -> int:
    """Return how narrow a column can be that breaks no word, and no number from its spread.

    Example:
        >>> _least_width(["mrr", "0.912 ± 0.004"]), _least_width(["what it is", "edges shuffled"])
        (13, 8)
    """
    parts = [part for cell in cells for part in ([cell] if "±" in cell else cell.split())]
    return max(map(cell_len, parts), default=0)


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Return which columns each part of a table has: the first, and as many others as there is room for.

    Example:
        >>> _parts([10, 20, 20, 20], 60)
        [[0, 1, 2], [0, 3]]
    """
    parts: list[list[int]] = [[0]]
    for index in range(1, len(widths)):
        if len(parts[-1]) > 1 and _outer([widths[i] for i in (*parts[-1], index)]) > width:
            parts.append([0])
        parts[-1].append(index)
    return parts


def _widths(least: Sequence[int], most: Sequence[int], width: int) -> list[int]:
    """Return how wide columns are: as much as they need, or what there is, shared out.

    Example:
        >>> _widths([10, 8, 6], [10, 40, 6], 100), _widths([10, 8, 6], [10, 40, 26], 60)
        ([10, 40, 6], [10, 24, 16])
    """
    widths = list(least)
    while _outer(widths) < width and any(own < wanted for own, wanted in zip(widths, most, strict=True)):
        # The one that is to fold most often for its width.
        folds = [
            wanted / max(own, 1) if own < wanted else 0.0 for own, wanted in zip(widths, most, strict=True)
        ]
        widths[folds.index(max(folds))] += 1
    return widths


def _outer(widths: Sequence[int]) -> int:
    """Return how wide a table is with its lines and the blanks beside them."""
    return 1 + sum(own + 3 for own in widths)


def write_metrics(run: Run, split: str, *, json: bool) -> None:
    """Write the metrics of a run on one split."""
    metrics = run.evaluate(split)
    task, model = run.task.labels.task, run.config.model.name
    if json:
        write_json({"task": task, "model": model, "split": split, "metrics": metrics})
    else:
        rows = [(name, readable(value, 4)) for name, value in metrics.items()]
        write_table((f"{split} metric", "value"), rows, title=f"{model} on {task}")


def write_comparison(comparison: Comparison, *, json: bool) -> None:
    """Write a comparison: the table of means and spreads, that of differences, and the verdict.

    Raises:
        MMGraphError: If an entry failed; what the others did is written before.
    """
    from mmgraph.evaluation.comparison import failed
    from mmgraph.evaluation.report_contrasts import contrasts_section
    from mmgraph.evaluation.verdict import document, judge

    if json:
        write_json({**document(comparison), "folder": str(comparison.folder)})
    else:
        verdict = judge(comparison)
        _write_results(comparison)
        if (found := contrasts_section(comparison)) is not None:
            write_table(
                ("against", "what it is", "better by", "95% CI", "p, Holm"),
                [(row.name, row.role, row.gain, row.interval, row.p_holm) for row in found.rows],
                title=f"{found.subject}, difference of {comparison.headline}",
            )
        write_line(f"{verdict.question} {verdict.word}.\n{' '.join(verdict.sentences)}")
        if comparison.folder is not None:
            write_line(f"Report: {comparison.folder / 'report.html'}")
    if comparison.failures:
        raise failed(comparison.failures)


def _write_results(comparison: Comparison) -> None:
    """Write the means and spreads of all entries, in a table for each group of metrics."""
    from mmgraph.evaluation.metric_groups import metric_groups

    names = [entry.name for entry in comparison.entries]
    sides = {
        "weights": [comparison.parameters(name) for name in names],
        "seconds": [f"{comparison.seconds(name):.1f}" for name in names],
    }
    for group in metric_groups(comparison.metrics):
        scores = [
            [comparison.score_text(name, metric) or "failed" for name in names] for metric in group.metrics
        ]
        columns = ("model", *group.headings, *sides)
        title = f"{comparison.task} (test){', ' if group.title else ''}{group.title}"
        write_table(columns, zip(names, *scores, *sides.values(), strict=True), title=title)
        sides = {}


def write_study(study: Study, *, json: bool) -> None:
    """Write what a study found: its best trials, and which keys mattered."""
    if json:
        write_json(study.to_json())
        return
    metric = study.monitor[0]
    columns = ("trial", "state", f"validation {metric}", "epochs", "values")
    rows = [
        (
            trial["trial"],
            trial["state"],
            None if (value := trial[f"validation_{metric}"]) is None else f"{value:.4f}",
            trial["epochs"],
            _values_of(trial, study.keys),
        )
        for trial in study.to_json()["trials"][:_BEST_TRIALS]
    ]
    counts = ", ".join(f"{number} {state}" for state, number in study.counts().items() if number)
    title = f"{study.best_config.model.name} on {study.task}, best first, of {len(study.trials)} trials"
    write_table(columns, rows, title=f"{title}: {counts}")
    if study.importances:
        shares = [(key, f"{share:.2f}") for key, share in study.importances.items()]
        write_table(("key", "share of the variation"), shares)


def _values_of(trial: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return what a trial tried, or, of one that ended before that was noted, why."""
    values = [f"{key.rpartition('.')[2]} {_short(trial[key])}" for key in keys if trial[key] is not None]
    return ", ".join(values) or str(trial["reason"])


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_NUMBER = re.compile(r"[+-]?(\d[\d,]*(\.\d*)?|\.\d+)(e[+-]?\d+)?( ?[%±x].*)?$")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(cell: str) -> bool:
    return cell in ("", "nan") or _NUMBER.match(cell) is not None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
