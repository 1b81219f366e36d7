"""``mmgraph search``: the entities that are most like one of them, or like something new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    EntityOption,
    EvalBatchSizeOption,
    GraphOption,
    JsonOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_json, write_line, write_table
from mmgraph.counted import counted

EXAMPLES = (
    "mmgraph search run U+0041",
    "mmgraph search run --text 'LETTER A WITH STROKE' -k 5 --where script=LATIN --json",
    "mmgraph search run U+0041 --page found.html",
    "mmgraph search run U+0041 --text 'SMALL LETTER' --weight text=2",
    "mmgraph search pairs --text 'black chess knight' --for sans",
)


def search(
    run: RunArgument,
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERY",
            help="The id of an entity, alone or beside a description; or a new one as a JSON object of "
            "columns and values.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="TEXT", help="Text of a new entity; or MODALITY=TEXT."),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", metavar="FILE", help="Picture of a new entity; or MODALITY=FILE."),
    ] = None,
    audio: Annotated[
        list[str] | None,
        typer.Option("--audio", metavar="FILE", help="Sound of a new entity; or MODALITY=FILE."),
    ] = None,
    video: Annotated[
        list[str] | None,
        typer.Option("--video", metavar="FILE", help="Video of a new entity; or MODALITY=FILE."),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="MODALITY=NUMBER",
            help="Embed each modality alone, and average them with these weights; 1 for those not named; "
            "id is that of QUERY.",
        ),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="MODALITY",
            help="Of a retrieval: what is sought, e.g. picture; by default what the query is not.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="CONDITION", help="Only entities like 'colour=red', 'price<10'; all must hold."
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="TABLE", help="A table with more columns for --where, by its ids."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many to find.")] = 10,
    entity: EntityOption = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE.html", help="Write a page with pictures and texts."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier page.")] = False,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Find the entities that are most like one of them, like a new one, or like both."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.atomic import require_file
    from mmgraph.serving.asked import read_question
    from mmgraph.serving.page import write_page

    if page is not None:
        require_file(page, overwrite=overwrite, option="--page")
    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    searching = mg.VectorSearch(loaded, entity=entity, table=table, progress=progress)
    question = read_question(
        searching,
        query,
        text=text or [],
        image=image or [],
        audio=audio or [],
        video=video or [],
        weight=weight or [],
    )
    found = question.ask(searching, k=k, where=where or [], side=side)
    index = found.index.describe()
    if page is not None:
        write_page(page, searching, found, question, where=where or [])
    if json:
        write_json(
            {
                "entity": searching.entity,
                "for": found.side,
                "index": index,
                "candidates": found.candidates,
                "notes": found.notes,
                "results": found.table.to_dict("records"),
                "page": None if page is None else str(page),
            }
        )
        return
    write_table(list(found.table.columns), found.table.itertuples(index=False))
    for note in found.notes:
        write_line(f"the query: {note}")
    how = "exact" if index["kind"] == "flat" or where else f"recall@10 {index['recall']:.3f}"
    by = "" if found.side is None else f", by {found.side}"
    among = f"{counted(found.candidates, 'entity', 'entities')} of the type {searching.entity}"
    write_line(f"among {among}{by}; {index['kind']} index, {how}")
    if page is not None:
        write_line(f"The page is {page}")
