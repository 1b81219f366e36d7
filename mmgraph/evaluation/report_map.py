"""The report's map: the unified representations of entities in the plane, with their names and pictures."""

from __future__ import annotations

import base64
import importlib.util
import io
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from mmgraph.counted import counted
from mmgraph.data.image_file import open_image
from mmgraph.errors import ConfigError, MissingDependencyError, did_you_mean
from mmgraph.evaluation.report_map_colours import coloured
from mmgraph.evaluation.samples import first_picture
from mmgraph.tasks.labels import SPLITS
from mmgraph.training.run import Run

_MOST_POINTS = 1200
_FEWEST_POINTS = 10
_MOST_BYTES = 1_200_000
_SIDE, _MARGIN = 760, 24
_THUMBNAIL = 40

MapMethod = Literal["tsne", "umap"]

_METHODS: dict[MapMethod, str] = {"tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True)
class MapPoint:
    """One entity: its place in pixels, what it is coloured by, and its text."""

    x: float
    y: float
    label: int
    split: int | None
    wrong: bool
    text: str


@dataclass(frozen=True)
class MapSection:
    """What the section of the map shows.

    Args:
        what: What the labels are.
        labels: What each colour of a label stands for.
        splits: What each colour of a part of the split stands for; nothing where entities are in none.
        judged: Whether answers are right or wrong, and not numbers that are near or far.
        pictures: By place in ``points``, the ``data:`` address of a picture.
    """

    model: str
    caption: str
    side: int
    points: tuple[MapPoint, ...]
    what: str
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    judged: bool
    pictures: dict[int, str]


def map_section(run: Run, method: MapMethod = "tsne") -> MapSection | None:
    """Return the map of the entities of a run's task; nothing where there is none to draw.

    Args:
        run: A run of a task that predicts something.
        method: How vectors come into the plane.

    Raises:
        DivergedError: If a representation is not finite.
        MissingDependencyError: If the method needs a package that is not installed.
        RunError: If memory runs out.
    """
    check_map(method)
    found = coloured(run)
    entity = run.task.labels.entity
    if found is None:
        return None
    _, vectors = run.embed(entity)
    known = found.rows
    if len(known) < _FEWEST_POINTS or vectors.shape[1] < 2 or not np.ptp(vectors[known], axis=0).any():
        # A few points, one number each, or all in one place: nothing that a map would show.
        return None
    chosen = np.arange(len(known))
    if len(known) > _MOST_POINTS:
        chosen = np.sort(np.random.default_rng(0).permutation(len(known))[:_MOST_POINTS])
    rows = known[chosen]
    places = in_the_plane(vectors[rows], method)
    nodes = run.graph.nodes[entity].iloc[rows]
    names = zip(nodes["title"].astype(str), nodes["id"].astype(str), strict=True)
    points = tuple(
        MapPoint(
            x=round(float(x), 1),
            y=round(float(y), 1),
            label=int(found.label[place]),
            split=None if found.split is None else int(found.split[place]),
            wrong=found.wrong is not None and bool(found.wrong[place]),
            text=f"{title} ({one}): {found.said[place]}",
        )
        for (x, y), (title, one), place in zip(places, names, chosen, strict=True)
    )
    of_all = f" of {run.graph.schema.node_type(entity).num_nodes:,}" if len(rows) == _MOST_POINTS else ""
    return MapSection(
        model=run.config.model.name,
        caption=(
            f"The unified representations of {counted(len(rows), 'entity', 'entities')}{of_all}, "
            f"seed {run.config.seed}, by {_METHODS[method]}: neighbours in the plane are neighbours in the "
            "representation; distances between groups, and their sizes, mean little. Training entities lie "
            "apart more neatly than others, as the model has seen their answers. Point at one, or go on "
            "by the arrow keys, to see which it is."
        ),
        side=_SIDE,
        points=points,
        what=found.what,
        labels=found.labels,
        splits=() if found.split is None else SPLITS,
        judged=found.wrong is not None,
        pictures=_pictures(run, entity, rows),
    )


def check_map(method: MapMethod) -> None:
    """Make sure that a map can be made so.

    Raises:
        ConfigError: If there is no such method.
        MissingDependencyError: If it needs a package that is not installed.
    """
    if method not in _METHODS:
        raise ConfigError(f"there is no map by {method!r}", where="--map", fix=did_you_mean(method, _METHODS))
    if method == "umap" and importlib.util.find_spec("umap") is None:
        raise MissingDependencyError(
            "umap-learn is not installed",
            where="--map umap",
            fix='Install it: pip install "mmgraph[umap]"; or leave it out for t-SNE.',
        )


def in_the_plane(vectors: npt.NDArray[np.float32], method: MapMethod = "tsne") -> npt.NDArray[np.float64]:
    """Return places in the plane, in pixels of the map, [P, 2], from vectors, [P, D].

    By t-SNE (`van der Maaten and Hinton 2008 <https://jmlr.org/papers/v9/vandermaaten08a.html>`_), begun with
    principal components, or UMAP (`McInnes et al. 2018 <https://arxiv.org/abs/1802.03426>`_); the same
    vectors lie the same way.
    """
    # On so few points several threads wait for each other for most of the time.
    with threadpool_limits(1):
        found = (_by_umap if method == "umap" else _by_tsne)(np.asarray(vectors, dtype=np.float32))
    low, high = found.min(axis=0), found.max(axis=0)
    # One scale both ways, in the middle of the square.
    scale = (_SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-12)
    return np.asarray(_SIDE / 2 + (found - (low + high) / 2) * scale, dtype=np.float64)


def _by_tsne(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    made = TSNE(init="pca", perplexity=perplexity, max_iter=500, random_state=0).fit_transform(vectors)
    return np.asarray(made)


def _by_umap(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with warnings.catch_warnings():
        # Of Tensorflow, for a kind of map that is not this one.
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP

    neighbours = min(15, len(vectors) - 1)
    return np.asarray(UMAP(n_neighbors=neighbours, random_state=0, n_jobs=1).fit_transform(vectors))


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
