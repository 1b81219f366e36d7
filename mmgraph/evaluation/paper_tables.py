"""Tables for a paper, as Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmgraph.counted import counted
from mmgraph.evaluation.comparison import Comparison, leaders
from mmgraph.evaluation.contrasts import interval, over_entities
from mmgraph.evaluation.metric_groups import MetricGroup, metric_groups, spoken
from mmgraph.evaluation.report_classes import classes_section
from mmgraph.evaluation.report_contrasts import contrasts_section
from mmgraph.evaluation.report_slices import Slices
from mmgraph.readable import interval_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "<": r"$<$",
    ">": r"$>$",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|])")


@dataclass(frozen=True)
class Cell:
    """A cell: its text, and whether it is set in bold."""

    text: str
    bold: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A table.

    Args:
        title: What it is about.
        caption: What stands with it.
        columns: The headings; the first column has names, all others numbers.
        rows: The cells.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def as_markdown(self) -> str:
        """Return it in Markdown, its caption below."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)]]
        head = [f"| {' | '.join(map(_markdown, lines[0]))} |", f"| {' | '.join(lines[1])} |"]
        body = [
            f"| {' | '.join(f'**{_markdown(c.text)}**' if c.bold else _markdown(c.text) for c in row)} |"
            for row in self.rows
        ]
        return "\n".join([*head, *body, "", _markdown(self.caption), ""])

    def as_latex(self, *, label: str) -> str:
        """Return it in LaTeX, with the rules of the package booktabs.

        Args:
            label: What to refer to it by, after ``tab:``.
        """

        def cell(one: Cell) -> str:
            return rf"\textbf{{{_latex(one.text)}}}" if one.bold else _latex(one.text)

        return "\n".join(
            [
                r"\begin{table}",
                r"  \centering",
                rf"  \caption{{{_latex(self.caption)}}}",
                rf"  \label{{tab:{label}}}",
                rf"  \begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}",
                r"    \toprule",
                rf"    {' & '.join(map(_latex, self.columns))} \\",
                r"    \midrule",
                *(rf"    {' & '.join(map(cell, row))} \\" for row in self.rows),
                r"    \bottomrule",
                r"  \end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def results_tables(comparison: Comparison) -> list[PaperTable]:
    """Return means, standard deviations and the intervals of the headline metric of all entries.

    Metrics that have no room beside the headline stand in tables of their own.
    """
    together, *others = metric_groups(comparison.metrics)
    headline = spoken(comparison.headline)
    splits = f"{len(comparison.draws)} random splits" if len(comparison.draws) > 1 else "one split"
    over = f"mean ± standard deviation over {counted(len(comparison.seeds), 'seed')} on {splits}"
    what = f"{comparison.task} in {comparison.graph}: test metrics"
    reaches = {name: interval(comparison, name, comparison.headline) for name in comparison.finished}
    first_of = leaders(comparison, comparison.finished)
    told = f"95% confidence intervals of {headline}"
    if len(comparison.trials) == 1:
        # Of a run: other test entities are the doubt that it knows of.
        (single,) = comparison.trials
        reaches = {single.entry: over_entities(single, comparison.headline)}
        over, told = "one training", f"{told}, as far as other test {comparison.tested} would move it"
    first = PaperTable(
        "Results",
        f"{what}, {over}; {told}.",
        ("model", "runs", f"{headline}, 95% CI", *together.headings),
        tuple(
            (
                Cell(name),
                Cell(str(len(comparison.of(name)))),
                Cell("" if reach is None else interval_text(reach.low, reach.high)),
                *_scores(comparison, name, together, first_of),
            )
            for name, reach in reaches.items()
        ),
    )
    further = [
        PaperTable(
            f"Results, {group.title}",
            f"{what}, {group.title}, {over}.",
            ("model", *group.headings),
            tuple((Cell(name), *_scores(comparison, name, group, first_of)) for name in reaches),
        )
        for group in others
    ]
    return [first, *further]


def _scores(comparison: Comparison, name: str, group: MetricGroup, first_of: Mapping[str, str]) -> list[Cell]:
    several = len(comparison.finished) > 1
    scores = [(metric, comparison.score_text(name, metric)) for metric in group.metrics]
    return [Cell(text, several and first_of.get(metric) == name) for metric, text in scores]


def contrasts_table(comparison: Comparison) -> PaperTable | None:
    """Return by how much the subject is better than each entry; nothing where that cannot be told."""
    found = contrasts_section(comparison)
    if found is None:
        return None
    headline = spoken(comparison.headline)
    return PaperTable(
        "Differences",
        f"By how much {found.subject} is better in {headline}. {found.caption}",
        ("against", "better by", "95% CI", "p", "p, Holm", "effect"),
        tuple(
            (
                Cell(row.name),
                Cell(row.gain, row.sure),
                Cell(row.interval),
                Cell(row.p),
                Cell(row.p_holm),
                Cell(row.effect),
            )
            for row in found.rows
        ),
    )


def classes_table(comparison: Comparison, entry: str) -> PaperTable | None:
    """Return precision, recall and F1 of each class of an entry; nothing of a regression."""
    found = classes_section(comparison, entry)
    if found is None:
        return None
    return PaperTable(
        "Classes",
        f"{entry}. {found.caption}",
        ("class", "entities", "precision", "recall", "F1"),
        tuple(
            (Cell(row.label), Cell(f"{row.support:,}"), Cell(row.precision), Cell(row.recall), Cell(row.f1))
            for row in found.rows
        ),
    )


def slice_tables(slices: Slices | None) -> Sequence[PaperTable]:
    """Return one table for each column that makes groups."""
    if slices is None:
        return ()
    return tuple(
        PaperTable(
            table.title,
            f"{table.title}. {slices.caption}",
            ("group", "entities", *slices.entries),
            tuple(
                (
                    Cell(row.group),
                    Cell(f"{row.entities:,}"),
                    *(
                        Cell("") if cell is None else Cell(cell.text, cell.best and len(slices.entries) > 1)
                        for cell in row.cells
                    ),
                )
                for row in table.rows
            ),
        )
        for table in slices.tables
    )


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", " ")


def _latex(text: str) -> str:
    return "".join(_LATEX.get(mark, mark) for mark in text.replace("\n", " "))
