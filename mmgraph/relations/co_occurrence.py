"""Edges between entities whose texts or tags have much in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import agreed, counted
from mmgraph.data.cell_values import cell_values
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.progress import Advance, Progress
from mmgraph.registry import RELATIONS
from mmgraph.relations.entity_columns import entity_column
from mmgraph.relations.few_others import warn_if_few

_WORD = re.compile(r"\w+")
# How many products of a row and a column are held at a time, at most about.
_HELD = 1 << 22


@RELATIONS.register("co_occurrence")
@dataclass(frozen=True)
class CoOccurrence(RelationBuilder):
    """Edges to an entity from those that have the most tokens or tags in common with it.

    A token that many entities have says little, and the rarest say most: ``idf_cosine`` is the cosine of two
    entities' tokens weighed by ``log(1 + N / n)``, for a token that n of N entities have; ``jaccard`` is the
    share of their tokens that both have. Tokens of more than ``max_group`` entities count for the similarity
    no more than if they were not there. By ``scope: training`` training entities alone are counted and send.

    A new entity is compared with known ones; tokens that none of them has are counted, and are among its own.

    Args:
        entity: The entity type.
        column: A column of its table, which no task may predict.
        separator: What stands between the tags in a cell; nothing for text, whose tokens are its words in
            lower case.
        similarity: ``idf_cosine`` or ``jaccard``.
        min_similarity: The least similarity of an edge, which is its weight.
        k: How many others an entity hears from: the most similar; of equal ones, the first.
        max_group: A token that more entities than this have is left out.

    Example:
        >>> CoOccurrence("emoji", "name").default_name
        'co_occurrence_name'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type.")]
    column: Annotated[str, Field(description="A column of its table, which no task may predict.")]
    separator: Annotated[
        str | None, Field(min_length=1, description="What stands between the tags in a cell; else words.")
    ] = None
    similarity: Annotated[
        Literal["idf_cosine", "jaccard"], Field(description="How much two have in common.")
    ] = "idf_cosine"
    min_similarity: Annotated[
        float, Field(gt=0, le=1, description="The least similarity of an edge, which is its weight.")
    ] = 0.1
    k: Annotated[int, Field(ge=1, description="How many others an entity hears from.")] = 10
    max_group: Annotated[
        int, Field(ge=2, description="A token that more entities than this have is left out.")
    ] = 1000

    @property
    def default_name(self) -> str:
        """``co_occurrence_`` and the name of the column."""
        return f"co_occurrence_{self.column}"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same column."""
        return tuple(context.readers(self.entity, self.column))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts.

        Raises:
            GraphError: If the column is the target of a task.
            DataError: If there is no such column.
        """
        entity_column(context, self.entity, self.column, parameter="column")

    def fit(self, context: BuildContext) -> Fitted:
        """Return the tokens of permitted entities: their text, how many have each, and who."""
        permitted = context.permitted(self.entity)
        rows, texts = self._tokens(
            entity_column(context, self.entity, self.column, parameter="column").values
        )
        rows, texts = rows[permitted[rows]], texts[permitted[rows]]
        codes, labels = pd.factorize(texts, sort=True)
        return {
            "tokens": np.array(labels.tolist(), dtype=np.str_),
            "holders": np.bincount(codes, minlength=len(labels)),
            "entity": rows,
            "token": codes.astype(np.int64),
            "entities": np.array(int(permitted.sum())),
        }

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from the entities that have most in common with one."""
        holders = context.fitted["holders"]
        context.counts["tokens"] = len(holders)
        context.counts["tokens_shared"] = int((holders > 1).sum())
        hubs = int((holders > self.max_group).sum())
        if hubs:
            context.count("tokens_over_max_group", hubs)
            context.warn(
                f"{counted(hubs, 'token')} that more than max_group={self.max_group} entities have "
                f"{agreed(hubs, 'is', 'are')} left out"
            )
        warn_if_few(self.k, self.entity, context)
        size = context.num_nodes(self.entity)
        cells = entity_column(context, self.entity, self.column, parameter="column").values
        return self._edges(cells, size, context, context.progress, loops=False)

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from the known entities that have most in common with a new one."""
        cells = entity_column(context, self.entity, self.column, parameter="column").values
        size = len(context.known_ids(self.entity))
        return Attached(self._edges(cells, size, context, Progress(quiet=True), loops=True))

    def why_empty(self, context: BuildContext) -> str:
        """Return that no two entities have enough in common."""
        shared = context.counts["tokens_shared"]
        return (
            f"no two entities are more similar than {self.min_similarity:g} by the {shared} tokens they share"
        )

    def _tokens(self, cells: pd.Series[Any]) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """Return the row and the text of each distinct token of each cell."""
        if self.separator is not None:
            return cell_values(cells, self.separator)
        text = cells.astype(object).where(cells.notna(), "")
        return cell_values(pd.Series([_WORD.findall(str(cell).lower()) for cell in text], dtype=object), None)

    def _edges(
        self,
        cells: pd.Series[Any],
        num_sources: int,
        context: BuildContext | AttachContext,
        progress: Progress,
        *,
        loops: bool,
    ) -> Edges:
        """Return the edges from known entities to those of some cells.

        Args:
            cells: The column of the targets.
            num_sources: How many entities are known.
            context: Whose ``fitted`` holds the tokens of the known ones.
            progress: Told about targets that are done.
            loops: Whether a source may be where the target is, as they are not the same entities.
        """
        fitted = context.fitted
        rows, texts = self._tokens(cells)
        known = pd.Index(fitted["tokens"].astype(object), dtype=object)
        codes: NDArray[np.int64] = known.get_indexer(pd.Index(texts, dtype=object))
        unseen = codes < 0
        context.count("tokens_unseen", len(set(texts[unseen])))
        weights = self._token_weights(fitted)
        few = fitted["holders"] <= self.max_group
        sources = self._matrix(fitted["entity"], fitted["token"], few, weights, num_sources)
        targets = self._matrix(rows[~unseen], codes[~unseen], few, weights, len(cells))
        # An unseen token belongs to nobody else: it makes its own entity less like the others.
        rare = np.log1p(float(fitted["entities"])) ** 2 if self.similarity == "idf_cosine" else 1.0
        sizes = _sizes(targets) + rare * np.bincount(rows[unseen], minlength=len(cells))
        with progress.job(f"{context.name}: what is shared", total=len(cells)) as advance:
            return self._strongest(sources, targets, sizes, advance, loops=loops)

    def _token_weights(self, fitted: Fitted) -> NDArray[np.float64]:
        if self.similarity == "jaccard":
            return np.ones(len(fitted["holders"]))
        weights: NDArray[np.float64] = np.log1p(fitted["entities"].item() / fitted["holders"])
        return weights

    def _matrix(
        self,
        rows: NDArray[np.int64],
        codes: NDArray[np.int64],
        few: NDArray[np.bool_],
        weights: NDArray[np.float64],
        size: int,
    ) -> Any:
        """Return entities by tokens, without tokens that too many have."""
        kept = few[codes]
        rows, codes = rows[kept], codes[kept]
        return scipy.sparse.csr_array((weights[codes], (rows, codes)), shape=(size, len(few)))

    def _strongest(
        self, sources: Any, targets: Any, sizes: NDArray[np.float64], advance: Advance, *, loops: bool
    ) -> Edges:
        """Return the edges to each target from the k sources most similar to it.

        Args:
            sources: Known entities by tokens, weighed.
            targets: Those that ask, by tokens, weighed.
            sizes: The squared length of each target, or how many tokens it has.
            advance: Told about targets that are done.
            loops: Whether a source may be where the target is.
        """
        has_size = _sizes(sources)
        turned = sources.T.tocsr()
        # How many products each target takes.
        work = np.concatenate([[0], np.cumsum(targets.astype(bool) @ np.diff(turned.indptr))])
        parts, first = [], 0
        while first < targets.shape[0]:
            last = max(first + 1, int(np.searchsorted(work, work[first] + _HELD, side="right")) - 1)
            both = (targets[first:last] @ turned).tocoo()
            target, source = both.coords[0].astype(np.int64) + first, both.coords[1].astype(np.int64)
            common = both.data
            if self.similarity == "jaccard":
                near = common / (sizes[target] + has_size[source] - common)
            else:
                near = common / np.sqrt(sizes[target] * has_size[source])
            near = np.minimum(near, 1.0).astype(np.float32)
            kept = (near >= np.float32(self.min_similarity)) & (loops | (source != target))
            parts.append(_top(source[kept], target[kept], near[kept], self.k))
            advance(last - first)
            first = last
        if not parts:
            return Edges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        sources_of, targets_of, weights = zip(*parts, strict=True)
        return Edges(np.concatenate(sources_of), np.concatenate(targets_of), np.concatenate(weights))


def _sizes(matrix: Any) -> NDArray[np.float64]:
    """Return the squared length of each row; where all weights are 1, how many there are."""
    return np.asarray((matrix * matrix).sum(axis=1), dtype=np.float64)


def _top(
    source: NDArray[np.int64], target: NDArray[np.int64], near: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the k edges of the largest similarity to each target; of equal ones, the first sources'."""
    order = np.lexsort((source, -near, target))
    source, target, near = source[order], target[order], near[order]
    kept = np.arange(len(target)) - np.searchsorted(target, target) < k
    return source[kept], target[kept], near[kept]
