"""Which modalities belong to one entity: to find either by the other.

Shapes: N entities, R of them that are asked for, C channels of the model, D of the common space.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mmgraph.data.task_spec import PairTaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import GraphSchema
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.registry import TASKS
from mmgraph.tasks.closed_form import ClosedForm
from mmgraph.tasks.content import Content
from mmgraph.tasks.gallery import rank_own
from mmgraph.tasks.gathered import as_share, gather, gather_pairs
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.objectives import Contrast, Kin
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.pair_head import PairHead
from mmgraph.tasks.pair_labels import read_pairs
from mmgraph.tasks.pair_task import PairTask, Sides
from mmgraph.tasks.step import Encode, Step, Unify
from mmgraph.tasks.task import Direction, Task

_AT = (1, 5, 10)


@TASKS.register("retrieval")
class Retrieval(PairTask):
    """Which answer belongs to which query, both modalities of one entity: contrastive; MRR, recall, ranks.

    The gallery of a split are the answers of its entities.

    Args:
        labels: What the graph says about the task; who has a value has both modalities.
        spec: What the dataset says about it.
        schema: The node types and edge types of the graph.
        contrast: The loss.
        content: What each modality holds, by its name.
    """

    part_of = "in a gallery"

    def __init__(
        self,
        labels: Labels,
        spec: PairTaskSpec,
        schema: GraphSchema,
        contrast: Contrast,
        content: Mapping[str, Content],
    ) -> None:
        super().__init__(
            labels,
            spec,
            schema,
            content,
            context=contrast.context,
            ridge=contrast.ridge,
            chunk=contrast.chunk,
        )
        self.contrast = contrast
        self.directions = (f"{spec.query}_to_{spec.answer}", f"{spec.answer}_to_{spec.query}")

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> Task:
        """Return the retrieval that a graph has by a name.

        Raises:
            ConfigError: If something was set that needs classes or links.
            GraphError: If the graph lacks one of the modalities, a split has fewer than two entities that
                have both, or both sides see something that goes back to the same.
        """
        labels, spec = read_pairs(graph, name)
        options.refuse_others(labels, "contrast")
        options.contrast.require_relations(graph.view(name).schema, spec.entity)
        content = Content.in_graph(graph, spec.entity, {spec.query, spec.answer})
        return cls(labels, spec, graph.view(name).schema, options.contrast, content)

    @property
    def monitor(self) -> tuple[str, Direction]:
        """The mean reciprocal rank of both directions, the more the better."""
        return "mrr", "max"

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: who lacks a modality, and who shares it with another."""
        rows, notes = self.rows("test"), list(super().notes)
        for modality, content in zip(self.names, self.content, strict=True):
            held = Counter(vector.tobytes() for vector in content.of(rows).cpu().numpy())
            shared = sum(count for count in held.values() if count > 1)
            if shared:
                notes.append(
                    f"{shared:,} of {len(rows):,} test entities share their {modality} with another one, as "
                    "far as its features tell: finding that one counts as wrong"
                )
        return notes

    def make_head(self, channels: int) -> nn.Module:
        """Return the maps of both sides into the common space, with fresh weights."""
        return PairHead(channels, self.contrast, ClosedForm.unfitted() if self.ridge else None)

    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the loss of some training entities, each of whose sides is seen without the other."""
        rows, here, sides = self.encode_apart(encode, batch)
        output = self.place(head, sides, rows)
        parts = gather(output)
        kin = self.contrast.kin_in(batch, self.labels.entity, here)
        if kin is not None:
            kin = Kin(*(gather_pairs(pairs, [len(part) for part in parts]) for pairs in kin))
        # The maps that know nothing of a fold know the answers of all others, and would be drawn to them.
        fold = torch.cat(gather(self.fold[rows])) if self.ridge else None
        # Where a batch has fewer entities than there are processes, some have none.
        if not len(rows):
            return Step(output.sum() * 0, 0, output)
        everybody = torch.cat(parts)
        loss = self.contrast.of(everybody[:, 0], everybody[:, 1], kin, fold)
        return Step(as_share(loss, len(rows), len(everybody)), len(rows), output)

    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return both sides of some entities, [R, 2, ...], whose inner products are logits."""
        return self.both_sides(head, unify, rows)

    def judge(self, sides: Sides, rows: Tensor) -> Tensor:
        """Return both sides of some entities, [R, 2, ...]."""
        return sides(rows)

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002 - the rows of the output
        """Return the contrastive loss of some entities among themselves."""
        return self.contrast.of(output[:, 0], output[:, 1])

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return MRR, recall, NDCG and the median rank of both directions, and the size of the gallery."""
        return self.metrics_of(output, torch.arange(len(rows)))

    def metrics_of(self, output: Tensor, places: Tensor) -> dict[str, float]:
        """Return the metrics of some entities, each of which is looked for among all.

        Args:
            output: Both sides of all entities of the gallery, [R, 2, D].
            places: Which of them are counted, int64 [S].
        """
        counted = torch.zeros(len(output), dtype=torch.bool)
        counted[places] = True
        rankings = [rank_own(*sides)[0].take(counted) for sides in _both_ways(output)]
        found = {"mrr": sum(ranking.mrr() for ranking in rankings) / 2}
        for direction, ranking in zip(self.directions, rankings, strict=True):
            found[f"{direction}_mrr"] = ranking.mrr()
            found |= {f"{direction}_recall@{k}": ranking.hits(k) for k in _AT}
            found[f"{direction}_ndcg@10"] = ranking.ndcg(10)
            found[f"{direction}_median_rank"] = ranking.median_rank()
        return found | {"gallery_size": float(len(output))}

    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:
        """Return for each entity what is found for it; see :meth:`predictions`."""
        return self.predictions(lambda rows: self.output(head, unify, rows))

    def predictions(self, output: Sides) -> pd.DataFrame:
        """Return for each entity which one's answer is first in the gallery of its split, and the own rank.

        Args:
            output: From entities, int64 [R], to both sides of them, [R, 2, D].

        Returns:
            One row for each of the N entities: ``id``, ``split``, ``target`` (the id; missing where it lacks
            one of the modalities), ``prediction`` (the id of the entity whose answer is first for its query),
            ``rank`` (of its own answer) and ``rank_back`` (of its own query for its answer).
        """
        ids = self.labels.ids.astype(object)
        table = pd.DataFrame({"id": ids, "split": self.labels.split.astype(object)})
        table["target"] = self.labels.values
        table["prediction"] = pd.Series([None] * len(ids), dtype=object)
        table[["rank", "rank_back"]] = np.nan
        for split in self.labelled_splits():
            rows = self.rows(split)
            onwards, back = (rank_own(*sides) for sides in _both_ways(output(rows)))
            (ranking, first), place = onwards, rows.cpu().numpy()
            table.loc[place, "prediction"] = ids[place[first.numpy()]]
            table.loc[place, "rank"] = ranking.ranks.numpy()
            table.loc[place, "rank_back"] = back[0].ranks.numpy()
        return table

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind, its directions and the sizes of the galleries."""
        sizes = {split: len(self.rows(split)) for split in self.labelled_splits()}
        return {**super().describe(), "directions": list(self.directions), "gallery_sizes": sizes}


def _both_ways(output: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Return what is looked for by what in each direction, [R, D + 1] each: the queries, then the answers."""
    query, answer = output.unbind(dim=1)
    yield query, answer
    yield answer, query
