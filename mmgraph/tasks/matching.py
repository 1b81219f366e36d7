"""Whether two modalities belong to one entity.

Shapes: N entities, R of them that are asked for, K wrong answers of each, C channels of the model, D of the
common space.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

from mmgraph.data.task_spec import MatchingTaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import GraphSchema
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.registry import TASKS
from mmgraph.tasks.closed_form import ClosedForm
from mmgraph.tasks.content import Content
from mmgraph.tasks.fold_logits import fit_logits
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.matching_draws import draw_learnt, draw_measured
from mmgraph.tasks.matching_options import MatchingOptions
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.pair_head import PairHead
from mmgraph.tasks.pair_labels import read_pairs
from mmgraph.tasks.pair_task import PairTask, Sides
from mmgraph.tasks.step import Encode, Step, Unify
from mmgraph.tasks.task import Direction, Task
from mmgraph.tasks.threshold import best_threshold
from mmgraph.tasks.wrong_answers import Wrong


@TASKS.register("matching")
class Matching(PairTask):
    """Whether two modalities are of one entity: cross-entropy; AUROC, average precision, accuracy.

    Each entity's query is asked about with its own answer, and with those of others of its split: neighbours,
    which are hard to tell apart, and anybody. Those to measure on are drawn once, by the graph and the seed
    of the task, and are the same for all models; those to learn from are drawn anew in each step. Matching
    with hard negatives as an objective is that of ALBEF (`Li et al. 2021 <https://arxiv.org/abs/2107.07651>`_,
    section 3.2), which takes those as hard that the model finds alike; here the graph says which.

    Args:
        labels: What the graph says about the task; who has a value has both modalities.
        spec: What the dataset says about it.
        schema: The node types and edge types of the graph.
        content: What each modality holds, by its name.
        options: How it is learnt.
        draw: Draws whose answers stand beside the right one where it is measured, positions of all N
            entities, -1 for those who are not asked about. It is asked once, when something is measured.
    """

    def __init__(
        self,
        labels: Labels,
        spec: MatchingTaskSpec,
        schema: GraphSchema,
        content: Mapping[str, Content],
        options: MatchingOptions,
        draw: Callable[[], Wrong],
    ) -> None:
        super().__init__(labels, spec, schema, content, context=options.context, ridge=options.ridge)
        self.options, self.spec = options, spec
        self._draw = draw

    @functools.cached_property
    def _measured(self) -> tuple[Tensor, Tensor]:
        """Whose answers stand beside the right ones, int64, and which are a neighbour's, bool; [N, K]."""
        whose, hard = self._draw()
        return torch.from_numpy(whose), torch.from_numpy(hard)

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> Task:
        """Return the matching that a graph has by a name.

        Raises:
            ConfigError: If something was set that needs classes or links.
            GraphError: If the graph lacks one of the modalities, a split has fewer than two entities that
                have both, or both sides see something that goes back to the same.
        """
        labels, spec = read_pairs(graph, name)
        assert isinstance(spec, MatchingTaskSpec)
        options.refuse_others(labels, "matching")
        content = Content.in_graph(graph, spec.entity, {spec.query, spec.answer})
        view = graph.view(name)
        draw = functools.partial(draw_measured, view, labels, spec)
        return cls(labels, spec, view.schema, content, options.matching, draw)

    @property
    def monitor(self) -> tuple[str, Direction]:
        """The area under the ROC curve, the more the better."""
        return "auroc", "max"

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: what is asked about, and who lacks a modality."""
        rows = torch.cat([self.rows(split) for split in self.labelled_splits()]).cpu()
        hard, right = float(self._measured[1][rows].float().mean()), 1 / (1 + self.spec.num_negatives)
        return [
            f"{right:.0%} of the pairs that are asked about belong together, and {hard:.0%} of the others "
            "are of neighbours; accuracy is at the threshold that is best on validation",
            *super().notes,
        ]

    def make_head(self, channels: int) -> nn.Module:
        """Return the maps of both sides into the common space, with fresh weights."""
        return PairHead(channels, self.options, ClosedForm.unfitted() if self.ridge else None)

    def fit_head(self, head: nn.Module) -> None:
        """Let the head begin with regression and correlations, as probabilities of pairs they do not know."""
        if self.ridge:
            assert isinstance(head, PairHead)
            (fitted, _), rows, fold = self.fit_closed_form(), self.fitted.cpu(), self.fold[self.fitted].cpu()
            query, answer = fitted(*self.modalities(rows), fold)
            slope, bias = fit_logits(query, answer, fold, self.options.num_negatives)
            head.begin_with(fitted, 1 / slope, bias)

    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the loss of the pairs of some training entities, each side seen without the other."""
        rows, here, states = self.encode_apart(encode, batch)
        sides = self.place(head, states, rows)
        fold = self.fold[rows] if self.ridge else torch.zeros_like(rows)
        asked, whose = draw_learnt(batch, self.labels.entity, here, fold, self.options)
        # Where a batch has fewer entities than there are processes, some have none.
        if not len(asked):
            return Step(sides.sum() * 0, 0, sides)
        logits = _logits(sides[asked], sides, whose)
        return Step(_loss(logits), len(asked), logits)

    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return the logits of the pairs of some entities and the threshold; see :meth:`judge`."""

        return self.judge(lambda asked: self.both_sides(head, unify, asked), rows)

    def judge(self, sides: Sides, rows: Tensor) -> Tensor:
        """Return how well the pairs of some entities go together, [R, 1 + K + 1].

        First that of each query and its own answer, then with the wrong ones; the last column is the
        threshold that is best on validation, the same for all.
        """
        validation = self.rows("validation")
        measured = self._measure(sides, validation)
        logits = measured if rows is validation else self._measure(sides, rows)
        return torch.cat([logits, logits.new_full((len(logits), 1), _threshold(measured))], dim=1)

    def threshold(self, head: nn.Module, unify: Unify) -> float:
        """Return the logit from which on a pair is said to belong together: the best one on validation.

        Args:
            head: What :meth:`make_head` made.
            unify: The trained model.
        """
        return float(self.output(head, unify, self.rows("validation"))[0, -1])

    def _measure(self, sides: Sides, rows: Tensor) -> Tensor:
        """Return how well each query goes with its own and with the wrong answers, [R, 1 + K]."""
        whose = self._measured[0].to(rows.device)[rows]
        needed = torch.unique(torch.cat([rows, whose.flatten()]))
        # All of a split, in the very tensor by which what is worked out about them is kept.
        needed = rows if torch.equal(needed, rows) else needed
        found = sides(needed)
        return _logits(found[torch.searchsorted(needed, rows)], found, torch.searchsorted(needed, whose))

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002 - the rows of the output
        """Return the cross-entropy of the pairs, a mean over them."""
        return _loss(output[:, :-1])

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return ``auroc``, ``average_precision``, ``accuracy`` and more.

        ``hard_auroc`` and ``random_auroc`` are those against each kind of wrong answers alone, where there
        are some; ``num_pairs`` is how many pairs were asked about.
        """
        logits, threshold = output[:, :-1].double().cpu(), float(output[0, -1])
        right, wrong, hard = logits[:, 0], logits[:, 1:].flatten(), self._measured[1][rows.cpu()].flatten()
        scores, truth = torch.cat([right, wrong]).numpy(), np.repeat([1, 0], [len(right), len(wrong)])
        found = {
            "auroc": float(roc_auc_score(truth, scores)),
            "average_precision": float(average_precision_score(truth, scores)),
            "accuracy": float(((scores >= threshold) == truth).mean()),
        }
        for name, kind in (("hard", wrong[hard]), ("random", wrong[~hard])):
            if len(kind):
                truth = np.repeat([1, 0], [len(right), len(kind)])
                found[f"{name}_auroc"] = float(roc_auc_score(truth, torch.cat([right, kind]).numpy()))
        return found | {"num_pairs": float(len(scores))}

    def decode(self, sides: Tensor, threshold: float) -> pd.DataFrame:
        """Return ``prediction``, whether each pair belongs together, and ``probability``.

        Args:
            sides: Both sides of pairs, [R, 2, ...].
            threshold: See :meth:`threshold`.
        """
        logits = sides.prod(dim=1).sum(dim=1).double()
        return pd.DataFrame(
            {"prediction": (logits >= threshold).numpy(), "probability": logits.sigmoid().numpy()}
        )

    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:
        """Return each pair that is asked about with its probability; see :meth:`predictions`."""
        return self.predictions(lambda rows: self.output(head, unify, rows))

    def predictions(self, output: Sides) -> pd.DataFrame:
        """Return each pair that is asked about to measure, with its probability.

        Args:
            output: From entities, int64 [R], to the logits of their pairs and the threshold.

        Returns:
            One row for each pair: ``id`` (of the query), ``answer`` (the id whose answer it is), ``drawn``
            (``own``, ``hard`` or ``random``), ``split``, ``target`` (whether both are of one entity),
            ``probability`` and ``prediction`` (whether that is at the threshold or above).
        """
        ids, tables = self.labels.ids.astype(object), []
        for split in self.labelled_splits():
            rows = self.rows(split)
            found = output(rows).detach().double().cpu()
            place, logits = rows.cpu().numpy(), found[:, :-1]
            own, wrong = place[:, None], self._measured[0][place].numpy()
            drawn = np.where(self._measured[1][place].numpy(), "hard", "random").astype(object)
            tables.append(
                pd.DataFrame(
                    {
                        "id": np.repeat(ids[place], logits.shape[1]),
                        "answer": ids[np.concatenate([own, wrong], axis=1)].ravel(),
                        "drawn": np.concatenate([np.full_like(own, "own", dtype=object), drawn], 1).ravel(),
                        "split": split,
                        "target": np.tile([True] + [False] * wrong.shape[1], len(rows)),
                        "probability": logits.sigmoid().flatten().numpy(),
                        "prediction": (logits >= found[:, -1:]).flatten().numpy(),
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind, its modalities, and what is asked about to measure."""
        asked = {key: getattr(self.spec, key) for key in ("num_negatives", "hard_share", "seed")}
        return {**super().describe(), "pair": [self.spec.query, self.spec.answer], **asked}


def _logits(own: Tensor, sides: Tensor, whose: Tensor) -> Tensor:
    """Return how well queries go with their own and with other answers, [R, 1 + K].

    Args:
        own: Both sides of the entities that are asked about, [R, 2, D + 1].
        sides: Both sides of all that are there, [S, 2, D + 1].
        whose: Positions among these of those with the other answers, int64 [R, K].
    """
    query, answers = own[:, 0], torch.cat([own[:, 1:], sides[:, 1][whose]], dim=1)
    return torch.einsum("rd,rkd->rk", query, answers)


def _threshold(measured: Tensor) -> float:
    return best_threshold(measured[:, 0], measured[:, 1:].flatten())


def _loss(logits: Tensor) -> Tensor:
    wanted = torch.zeros_like(logits)
    wanted[:, 0] = 1
    return F.binary_cross_entropy_with_logits(logits, wanted)
