"""The report's map: the unified representations of entities in the plane, with their names and pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from mmgraph.counted import counted
from mmgraph.data.image_file import open_image
from mmgraph.data.task_spec import TaskSpec
from mmgraph.evaluation.samples import first_picture, shown
from mmgraph.tasks.labels import SPLITS
from mmgraph.training.run import Run

_MOST_POINTS = 1200
_FEWEST_POINTS = 10
_COLOURS = 11
_MOST_BYTES = 1_200_000
_SIDE, _MARGIN = 760, 24
_THUMBNAIL = 40


@dataclass(frozen=True)
class MapPoint:
    """One entity: its place in pixels, what it is coloured by, and its text."""

    x: float
    y: float
    label: int
    split: int
    wrong: bool
    text: str


@dataclass(frozen=True)
class MapSection:
    """What the section of the map shows.

    Args:
        labels: What each colour of a label stands for.
        splits: What each colour of a part of the split stands for.
        judged: Whether answers are right or wrong, and not numbers that are near or far.
        pictures: By place in ``points``, the ``data:`` address of a picture.
    """

    model: str
    caption: str
    side: int
    points: tuple[MapPoint, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    judged: bool
    pictures: dict[int, str]


def map_section(run: Run) -> MapSection | None:
    """Return the map of the entities of a run's task; nothing where there is none to draw.

    Args:
        run: A run of a task with one target of each entity; those of other tasks have no map.

    Raises:
        DivergedError: If a representation is not finite.
        RunError: If memory runs out.
    """
    spec = run.graph.tasks.get(run.task.labels.task)
    if not isinstance(spec, TaskSpec):
        return None
    table = run.predictions()
    ids, vectors = run.embed()
    known = np.flatnonzero(table["target"].notna().to_numpy() & table["split"].isin(SPLITS).to_numpy())
    if len(known) < _FEWEST_POINTS or vectors.shape[1] < 2 or not np.ptp(vectors[known], axis=0).any():
        # A few points, one number each, or all in one place: nothing that a map would show.
        return None
    if len(known) > _MOST_POINTS:
        known = np.sort(np.random.default_rng(0).permutation(known)[:_MOST_POINTS])
    assert ids.tolist() == table["id"].astype(str).tolist()
    places = in_the_plane(vectors[known])
    rows = table.iloc[known].reset_index(drop=True)
    labels, names = _labels(rows["target"])
    titles = run.graph.nodes[spec.entity]["title"].iloc[known].astype(str).tolist()
    points = tuple(
        MapPoint(
            x=round(float(x), 1),
            y=round(float(y), 1),
            label=int(label),
            split=SPLITS.index(row.split),
            wrong=_is_wrong(row.target, row.prediction),
            text=f"{title} ({row.id}): {shown(row.target)}, {row.split}, said {shown(row.prediction)}",
        )
        for (x, y), label, title, row in zip(places, labels, titles, rows.itertuples(), strict=True)
    )
    of_all = (
        f" of {run.graph.schema.node_type(spec.entity).num_nodes:,}" if len(known) == _MOST_POINTS else ""
    )
    return MapSection(
        model=run.config.model.name,
        caption=(
            f"The unified representations of {counted(len(known), 'entity', 'entities')}{of_all}, "
            f"seed {run.config.seed}, by t-SNE: neighbours in the plane are neighbours in the "
            "representation; distances between groups, and their sizes, mean little. Training entities lie "
            "apart more neatly than others, as the model has seen their answers. Point at one, or go on "
            "by the arrow keys, to see which it is."
        ),
        side=_SIDE,
        points=points,
        labels=tuple(names),
        splits=SPLITS,
        judged=not pd.api.types.is_float_dtype(rows["target"]),
        pictures=_pictures(run, spec.entity, known),
    )


def in_the_plane(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return places in the plane, in pixels of the map, [P, 2], from vectors, [P, D], by t-SNE.

    `van der Maaten and Hinton 2008 <https://jmlr.org/papers/v9/vandermaaten08a.html>`_, begun with principal
    components, so that the same vectors lie the same way.
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    # On so few points several threads wait for each other for most of the time.
    with threadpool_limits(1):
        found = TSNE(init="pca", perplexity=perplexity, max_iter=500, random_state=0).fit_transform(
            np.asarray(vectors, dtype=np.float32)
        )
    low, high = found.min(axis=0), found.max(axis=0)
    # One scale both ways, in the middle of the square.
    scale = (_SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-12)
    return np.asarray(_SIDE / 2 + (found - (low + high) / 2) * scale, dtype=np.float64)


def _labels(targets: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the colour of each target, and what each colour stands for; the rarest share the last one."""
    if pd.api.types.is_float_dtype(targets):
        cut = pd.qcut(targets, 5, duplicates="drop")
        bands = [f"{part.left:.3g} to {part.right:.3g}" for part in cut.cat.categories]
        return np.array(cut.cat.codes, dtype=np.int64), bands
    first = targets.map(lambda value: shown(value) if isinstance(value, str) else _first_label(value))
    sizes = first.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in sizes.index[:_COLOURS]]
    code = {name: place for place, name in enumerate(names)}
    if len(sizes) > _COLOURS:
        names.append("others")
    places = [code.get(name, len(names) - 1) for name in first]
    return np.array(places, dtype=np.int64), names


def _first_label(value: Any) -> str:
    """Return what an entity with several labels is coloured by."""
    labels = [str(label) for label in value]
    return labels[0] if labels else "none"


def _is_wrong(target: Any, prediction: Any) -> bool:
    if isinstance(target, (float, np.floating)):
        return False
    return bool(shown(_plain(target)) != shown(_plain(prediction)))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else sorted(str(label) for label in value)


def _pictures(run: Run, entity: str, rows: npt.NDArray[np.int64]) -> dict[int, str]:
    """Return small pictures of as many entities as there is room for."""
    found, room = {}, _MOST_BYTES
    for place, png in first_picture(run.view, entity, rows.tolist()).items():
        address = _small(png)
        room -= len(address)
        if room < 0:
            break
        found[place] = address
    return found


def _small(png: bytes) -> str:
    """Return a picture, made small, as an address that holds it."""
    with open_image(io.BytesIO(png)) as opened:
        image = opened.convert("RGBA")
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    content = io.BytesIO()
    image.save(content, format="WEBP", quality=60, method=4)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
