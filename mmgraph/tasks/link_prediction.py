"""Which edges of a relation are missing: links between entities."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mmgraph.counted import agreed, counted
from mmgraph.data.task_spec import LinkTaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.graph.without_links import link_type
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.registry import TASKS
from mmgraph.sampling.adjacency import adjacency_of_edges
from mmgraph.sampling.link_relation import LinkRelation
from mmgraph.sampling.negatives import Links, draw_negatives
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.link_head import LinkHead
from mmgraph.tasks.link_options import LinkOptions
from mmgraph.tasks.link_ranking import RankedLinks, Score, rank_links, recommend
from mmgraph.tasks.link_structure import LinkStructure, by_degree
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.pairs import Pairs
from mmgraph.tasks.step import Encode, Step, Unify
from mmgraph.tasks.task import Direction, Task
from mmgraph.tasks.task_links import TaskLinks, read_links

TOP = 10
"""How many targets are predicted for each source."""

_MOST_ASKED = 1 << 14
"""How many links a step asks for at most, where it sees the whole graph."""


@TASKS.register("link_prediction")
class LinkPrediction(Task):
    """The edges of a relation: binary or softmax loss against drawn ones; filtered MRR, hits, recall, NDCG.

    Its rows are links. Each is ranked among all targets that its source is not known to be linked to, in
    whichever part. In training, the links of a step are not among the edges that the model sees.

    Args:
        labels: What the graph says about the task, one entry a link.
        links: The links.
        ids: The ids of the source nodes and of the target nodes.
        options: How links are scored and learnt.
        left_out: Relations that the task does not see, since they were made of all edges of this one.
    """

    def __init__(
        self,
        labels: Labels,
        *,
        links: TaskLinks,
        ids: tuple[np.ndarray, np.ndarray],
        options: LinkOptions,
        left_out: list[str],
    ) -> None:
        super().__init__(labels)
        self.links, self.options = links, options
        self._ids, self._left_out = ids, left_out
        # All rows, in the same tensors each time, by which what is worked out about them is kept.
        self._everyone = {
            links.triple[0]: torch.arange(links.num_source),
            links.triple[2]: torch.arange(links.num_target),
        }

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> LinkPrediction:
        """Return the task of this kind that a graph has by a name, or of a relation, ``link:RELATION``.

        Raises:
            ConfigError: If something was set that needs classes.
            GraphError: If the relation's edges cannot be split, or not asked from both ends, or none of a
                part is new.
        """
        spec = graph.task(name)
        assert isinstance(spec, LinkTaskSpec)
        view = graph.view(name)
        edge_type = link_type(view, spec.relation, where=f"tasks.{name}")
        links = read_links(view, edge_type, both=spec.direction == "both", where=f"tasks.{name}")
        ids = tuple(view.nodes[end]["id"].to_numpy(dtype=object) for end in links.triple[::2])
        labels = Labels(
            task=name,
            kind=spec.kind,
            entity=edge_type.source,
            column=spec.relation,
            id_values=pd.Series(ids[0][links.source.numpy()]),
            values=pd.Series(np.ones(len(links.source), dtype=bool)),
            split=links.part,
            where=f"tasks.{name}",
        )
        options.refuse_others(labels, "links")
        left_out = [r for r in graph.schema.relations if r not in view.schema.relations]
        return cls(
            labels,
            links=links,
            ids=(ids[0], ids[1]),
            options=options.links,
            left_out=[r for r in left_out if r not in spec.without.relations],
        )

    @property
    def monitor(self) -> tuple[str, Direction]:
        """The mean reciprocal rank, the more the better."""
        return "mrr", "max"

    def split_of(self, entity: str) -> None:  # noqa: ARG002 - of no entity
        """Return nothing: links are in parts of the split, and entities are not.

        Args:
            entity: The entity type.
        """
        return

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: how many links, ranked among how many, cold starts."""
        links, (source, _, target) = self.links, self.links.triple
        most = links.num_target - links.same_type
        notes = [
            f"each of {self._asked_for} is ranked among the {most:,} {'other ' * links.same_type}{target!r} "
            f"entities but those that its {source!r} is known to be linked to; auroc and average_precision "
            "are against as many links that are not there"
        ]
        for part in ("validation", "test"):
            rows = self.rows(part).cpu()
            if cold := int(links.cold[rows].sum()):
                notes.append(
                    f"{cold:,} of {counted(len(rows), f'{part} link')} {agreed(cold, 'has', 'have')} an end "
                    "without any training link (cold start); they are measured apart as well"
                )
        if links.repeats:
            notes.append(
                f"{counted(links.repeats, 'held-out link')} {agreed(links.repeats, 'is', 'are')} not asked "
                "for, as an earlier part has the same"
            )
        if self._left_out:
            notes.append(f"left out, as the task must not see it: {', '.join(self._left_out)}")
        return notes

    @property
    def _asked_for(self) -> str:
        counts = {part: len(self.rows(part)) for part in ("validation", "test")}
        return f"{counts['validation']:,} validation and {counts['test']:,} test links"

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind and what its links are."""
        return {**super().describe(), "links": list(self.links.triple), "top": TOP}

    def labelled_splits(self) -> list[str]:
        """Return the parts that are held out: the model sees the training links."""
        return ["validation", "test"]

    def make_head(self, channels: int) -> nn.Module:
        """Return what scores pairs, with fresh weights."""
        return LinkHead(self.options, channels)

    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the loss of the links that a batch is made for: places of ends, and of drawn targets."""
        if batch.seeds is None:
            batch = self._ask(batch)
        assert batch.seeds is not None
        states, ends = encode(batch), batch.seeds
        source, target = states[self.links.triple[0]], states[self.links.triple[2]]
        # In float32 also where the model computes in half precision.
        structure = self._structure_of(batch) if self.options.structure else None
        scores = head(source[ends[:, :1]], target[ends[:, 1:]], structure).float()
        # Where a batch has fewer links than there are processes, some have none.
        loss = self.options.loss_of(scores) if len(scores) else scores.sum() * 0
        return Step(loss, len(scores), scores)

    def _ask(self, batch: GraphBatch) -> GraphBatch:
        """Return the whole graph without the edges of some training links, which are its seeds."""
        pairs, links = self._pairs, self.links
        share = self.options.asked * min(1.0, _MOST_ASKED / (self.options.asked * len(links.train)))
        chosen = pairs.draw(share)
        rows = links.train[pairs.among(links.edge_index, chosen)]
        asked = Links(links.source[rows].numpy(), links.target[rows].numpy(), None)
        stream = np.uint64(int(torch.randint(2**62, ())))
        drawn = draw_negatives(asked, self.options.sampling, self._relation, (None, None), stream)[1]
        against = torch.from_numpy(drawn).view(self.options.num_negatives, len(rows)).T
        seeds = torch.cat([links.source[rows, None], links.target[rows, None], against], dim=1)
        first = next(iter(batch.x_dict.values()))
        return pairs.hide(batch, self.links.triple, chosen)._replace(seeds=seeds.to(first.device))

    def _structure_of(self, batch: GraphBatch) -> Tensor:
        """Return what the training links say of the pairs of a batch, [B, 1 + K, 2]."""
        assert batch.seeds is not None
        own, other = batch.seeds[:, :1].expand(-1, batch.seeds.shape[1] - 1), batch.seeds[:, 1:]
        if batch.sample is not None:
            own = batch.sample.numbers[self.links.triple[0]][own]
            other = batch.sample.numbers[self.links.triple[2]][other]
        source, target = (x.flatten().cpu().numpy() for x in (own, other))
        columns = self._structure.paths(source, target), self._structure.degrees(source, target)
        return _logarithms(*columns).view(*other.shape, 2).to(other.device)

    @functools.cached_property
    def _structure(self) -> LinkStructure:
        return LinkStructure(self.links, by_degree)

    @functools.cached_property
    def _pairs(self) -> Pairs:
        return Pairs(self.links.edge_index, self.links.num_target, same_type=self.links.same_type)

    @functools.cached_property
    def _relation(self) -> LinkRelation:
        """The training links, as the drawing of those that are not there reads them."""
        links = self.links
        index = links.edge_index.numpy()
        return LinkRelation(links.triple, adjacency_of_edges(index, links.num_source, links.num_target))

    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return how some links come off, [R, 7]; see :class:`RankedLinks`."""
        return self.rank(self._score(head, unify), rows)

    def rank(self, score: Score, rows: Tensor) -> Tensor:
        """Return how some links come off by any score; see :func:`rank_links`."""
        return rank_links(self.links, rows.cpu(), score)

    def _score(self, head: nn.Module, unify: Unify) -> Score:
        assert isinstance(head, LinkHead)
        states = unify(self._everyone)
        source, target = states[self.links.triple[0]], states[self.links.triple[2]]

        def score(sources: Tensor) -> Tensor:
            structure = self.structure_from(sources).to(source.device) if self.options.structure else None
            return head.against_all(source[sources.to(source.device)], target, structure)

        return score

    def structure_from(self, sources: Tensor) -> Tensor:
        """Return what the training links say of each target for some sources, [S, T, 2].

        Args:
            sources: int64 [S].
        """
        paths, degrees = self._structure.all_paths(sources.cpu().numpy()), self._structure.all_degrees()
        return _logarithms(paths, np.broadcast_to(degrees, paths.shape))

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002 - they are in the output
        """Return the mean loss of links, each against one that is not there, a scalar."""
        return self.options.loss_of(output[:, :2])

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return ``mrr``, ``hits@k``, ``recall@10``, ``ndcg@10``, ``map``, ``median_rank`` and curves.

        Where some links are cold starts, ``cold_start_mrr`` and ``cold_start_hits@10`` are of these alone.
        """
        rows, ranked = rows.cpu(), RankedLinks.of(output.cpu())
        ranking = ranked.ranking(self.links.source[rows])
        metrics = {
            "mrr": ranking.mrr(),
            **{f"hits@{k}": ranking.hits(k) for k in (1, 3, 5, 10)},
            "recall@10": ranking.recall(10),
            "ndcg@10": ranking.ndcg(10),
            "map": ranking.mean_average_precision(),
            "median_rank": ranking.median_rank(),
            **ranked.curves(),
        }
        cold = self.links.cold[rows]
        if cold.any():
            apart = ranking.take(cold)
            metrics |= {"cold_start_mrr": apart.mrr(), "cold_start_hits@10": apart.hits(10)}
        return metrics

    def reciprocal_ranks(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the reciprocal rank of some links, whose mean is ``mrr``, float64 [R].

        Args:
            output: How they came off, [R, 7].
            rows: The links, int64 [R].
        """
        return RankedLinks.of(output.cpu()).ranking(self.links.source[rows.cpu()]).reciprocals

    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:
        """Return the ten best new targets of each source: ``source``, ``rank``, ``target`` and more."""
        return self.recommend(self._score(head, unify))

    def recommend(self, score: Score) -> pd.DataFrame:
        """Return the best new targets of each source by any score; see :func:`recommend`."""
        return recommend(self.links, self._ids, score, k=TOP)


def _logarithms(paths: np.ndarray, degrees: np.ndarray) -> Tensor:
    """Return log(1 + x) of both side by side, float32 [..., 2]."""
    return torch.from_numpy(np.log1p(np.stack([paths, degrees], axis=-1))).float()
