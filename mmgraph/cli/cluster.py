"""``mmgraph cluster``: what a run's entities fall into."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mmgraph.cli.options import (
    EntityOption,
    EvalBatchSizeOption,
    GraphOption,
    JsonOption,
    OverwriteFileOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_json, write_line, write_table
from mmgraph.counted import agreed, counted
from mmgraph.errors import ConfigError

EXAMPLES = (
    "mmgraph cluster run",
    "mmgraph cluster run --clusters 8 --against script --out clusters.parquet",
    "mmgraph cluster run --method hdbscan --min-size 10 --json",
)


def cluster(
    run: RunArgument,
    clusters: Annotated[
        str,
        typer.Option(
            "--clusters", metavar="K", help="How many; auto for the number with the highest silhouette."
        ),
    ] = "auto",
    method: Annotated[
        Literal["kmeans", "hdbscan"],
        typer.Option("--method", help="hdbscan finds out how many, and leaves outliers in none."),
    ] = "kmeans",
    min_size: Annotated[
        int | None,
        typer.Option("--min-size", metavar="N", help="With hdbscan: the least entities of a cluster; 5."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="COLUMN", help="Compare with a column: a task's target, or of --table."
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="TABLE", help="A table with more columns for --against, by its ids."),
    ] = None,
    entity: EntityOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Where k-means begins.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write the cluster of each entity, as .csv, .jsonl or .parquet."
        ),
    ] = None,
    overwrite: OverwriteFileOption = False,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Cluster the unified representations of a run's entities."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.serving.answers import require_answer_file, write_answers

    if out is not None:
        require_answer_file(out, overwrite=overwrite)
    found = mg.cluster(
        mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size),
        clusters=_number(clusters),
        method=method,
        min_size=min_size,
        entity=entity,
        against=against,
        table=table,
        seed=seed,
    )
    if out is not None:
        write_answers(out, found.table)
    if json:
        write_json({**found.to_json(), "file": None if out is None else str(out)})
        return
    rows = found.clusters.assign(nearest=found.clusters["nearest"].map(" · ".join))
    write_table(list(rows.columns), rows.itertuples(index=False), title=f"clusters of {found.entity}")
    if outliers := int((found.table["cluster"] < 0).sum()):
        write_line(f"{counted(outliers, 'entity', 'entities')} {agreed(outliers, 'is', 'are')} in no cluster")
    if found.silhouette is not None:
        write_line(f"silhouette {found.silhouette:.3f}")
    if found.against is not None:
        write_line(
            f"against {found.against['column']} of {found.against['entities']:,} entities: normalized mutual "
            f"information {found.against['normalized_mutual_information']:.3f}, adjusted Rand index "
            f"{found.against['adjusted_rand_index']:.3f}"
        )
    if out is not None:
        write_line(f"The cluster of each entity is in {out}")


def _number(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"got {text!r}; wanted auto or a whole number", where="--clusters") from None
