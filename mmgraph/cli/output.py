"""What commands write to standard output: one JSON document, or tables and lines for people."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from json import dumps
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mmgraph.evaluation.comparison import Comparison
    from mmgraph.training.run import Run
    from mmgraph.tuning.study import Study

_WIDTH_OF_A_PIPE = 200
_BEST_TRIALS = 10
_MOST_COLUMNS = 10


def write_json(document: Any) -> None:
    """Write one JSON document; a number that JSON does not know becomes ``null``."""
    typer.echo(dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def write_line(text: str) -> None:
    """Write one line."""
    typer.echo(text)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Write a table; columns of numbers are aligned to the right.

    Args:
        columns: The headings.
        rows: The cells; anything that ``str`` can show.
        title: A line above the table.
    """
    cells = [[_shown(value) for value in row] for row in rows]
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(_is_number(row[index]) for row in cells)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    # A pipe has no width: cells are not to be folded at 80 columns there.
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
    Console(width=width, highlight=False).print(table)


def write_metrics(run: Run, split: str, *, json: bool) -> None:
    """Write the metrics of a run on one split."""
    metrics = run.evaluate(split)
    task, model = run.task.labels.task, run.config.model.name
    if json:
        write_json({"task": task, "model": model, "split": split, "metrics": metrics})
    else:
        rows = [(name, f"{value:.4f}") for name, value in metrics.items()]
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
        rows = []
        for entry in comparison.entries:
            scores = [comparison.score(entry.name, metric) for metric in comparison.metrics]
            weights, seconds = comparison.parameters(entry.name), comparison.seconds(entry.name)
            shown = ("failed" if score is None else score for score in scores)
            rows.append((entry.name, *shown, weights, f"{seconds:.1f}"))
        columns = ("model", *comparison.metrics, "weights", "seconds")
        write_table(*_upright(columns, rows), title=f"{comparison.task} (test)")
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


def _upright(
    columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return a table turned on its side where it has more columns than a terminal has room for.

    Example:
        >>> _upright(["model", *map(str, range(10))], [["a", *range(10)]])[1][:2]
        [('0', 0), ('1', 1)]
    """
    if len(columns) <= _MOST_COLUMNS:
        return columns, rows
    headings, *turned = zip(columns, *rows, strict=True)
    return headings, turned


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


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(cell: str) -> bool:
    return cell in ("", "nan") or cell.lstrip("-")[:1].isdigit()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
