"""What a search found as one HTML file, with pictures and texts, without scripts and network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from mmgraph.atomic import atomic_write
from mmgraph.evaluation.samples import data_address, show_entities
from mmgraph.serving.asked import Question
from mmgraph.serving.query import row_of
from mmgraph.serving.search import Found, VectorSearch


def write_page(
    file: Path, search: VectorSearch, found: Found, question: Question, *, where: Sequence[str] = ()
) -> None:
    """Write what a search found as a page, whole or not at all; see :func:`search_page`."""
    atomic_write(file, search_page(search, found, question, where=where))


def search_page(search: VectorSearch, found: Found, question: Question, *, where: Sequence[str] = ()) -> str:
    """Return what a search found as an HTML page; all text in it is escaped.

    Args:
        search: The search.
        found: What it found.
        question: What was searched for.
        where: The conditions.
    """
    targets = [f"{similarity:.3f}" for similarity in found.table["similarity"]]
    view = search.run.graph.view(search.run.task.labels.task)
    samples = show_entities(view, search.entity, found.rows.tolist(), targets=targets)
    known = [] if question.name is None else [row_of(view, search.entity, question.name)]
    # Autoescape for every template: by name, only those that end in .html would be escaped.
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("mmgraph.serving"), PackageLoader("mmgraph.evaluation")]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("search.html.j2").render(
        run=search.run,
        entity=search.entity,
        index=found.index,
        side=found.side,
        known=show_entities(view, search.entity, known, targets=[""] * len(known)),
        words=[(name, text) for name, text in question.words if not known or text != question.name],
        weights=[(name, f"{weight:g}") for name, weight in question.weights.items()],
        pictures=[(name, data_address(png)) for name, png in question.thumbnails()],
        where=where,
        notes=found.notes,
        candidates=f"{found.candidates:,}",
        samples=samples,
    )
