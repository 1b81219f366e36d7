"""PyG's own explainers on an entity's neighbourhood, as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import pandas as pd
import torch
from torch import Tensor, nn
from torch_geometric.explain import Explainer, GNNExplainer, ModelConfig

from mmgraph.errors import ConfigError, MissingDependencyError, did_you_mean
from mmgraph.evaluation.explanation.number import EntityNumber
from mmgraph.evaluation.explanation.question import Question
from mmgraph.graph.schema import Triple
from mmgraph.tasks import Classification, MultiLabel
from mmgraph.training.environment import reproducible

ExplainerName = Literal["gnn_explainer", "captum"]

EXPLAINERS: tuple[ExplainerName, ...] = get_args(ExplainerName)


class AnswersOf(nn.Module):
    """The model and its head on one neighbourhood, with the signature that PyG's explainers want.

    Args:
        question: What is asked.
    """

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.model, self.head = question.model, question.number.head
        self._question = question
        # An explainer puts a model back into the mode that it came in: it must not come to train.
        self.eval()

    def forward(self, x_dict: Mapping[str, Tensor], edge_index_dict: Mapping[Triple, Tensor]) -> Tensor:
        """Return the output for the entity: of classes [1, C], of a number, a label or a pair [1, 1].

        Args:
            x_dict: The features of the modalities.
            edge_index_dict: The edges of the neighbourhood.
        """
        batch = self._question.around.batch
        seen = batch._replace(
            x_dict={**batch.x_dict, **x_dict}, edge_index_dict={**batch.edge_index_dict, **edge_index_dict}
        )
        number, state = self._question.number, self._question.state(seen)
        if isinstance(number, EntityNumber) and not isinstance(number.task, MultiLabel):
            output = number.output(state)
        else:
            output = number.of(state).float().reshape(1)
        # PyG refuses inputs without a gradient, such as nodes that nothing leads from.
        idle = torch.stack([x.sum() for x in x_dict.values()]).sum() * 0
        return output.unsqueeze(0) + idle


def explain_by_pyg(
    question: Question, name: ExplainerName, *, epochs: int = 100, seed: int = 0
) -> pd.DataFrame:
    """Return how much each modality counts for an explainer of PyG, own and of others.

    The layers of mmgraph pass messages by kernels of their own, into which PyG can put no masks of edges, so
    masks are of features. For edges there are the Shapley values.

    Args:
        question: What is asked.
        name: ``gnn_explainer`` (`Ying et al. 2019 <https://arxiv.org/abs/1903.03894>`_) or ``captum``,
            integrated gradients from a baseline of zeros.
        epochs: How long a mask is learnt.
        seed: Where a mask begins.

    Returns:
        ``modality``, ``whose``, ``mean`` and ``max`` of the mask's absolute values.

    Raises:
        ConfigError: If there is no such explainer.
        MissingDependencyError: If captum is not installed.
    """
    if name not in EXPLAINERS:
        raise ConfigError(
            f"there is no explainer {name!r}", where="--explainer", fix=did_you_mean(name, EXPLAINERS)
        )
    around = question.around
    read = question.model.projection.node_types
    x = {n: values for n, values in around.batch.x_dict.items() if values.numel() and n in read}
    if not x:
        return pd.DataFrame(columns=["modality", "whose", "mean", "max"])
    # PyG looks for the greatest node of each edge type; those that are left out, `AnswersOf` knows.
    edges = {t: index for t, index in around.batch.edge_index_dict.items() if index.numel()}
    target = None
    if isinstance(question.number, EntityNumber) and isinstance(question.task, Classification):
        assert question.number.answer is not None
        target = torch.tensor([question.task.classes.index(question.number.answer)])
    explainer = Explainer(
        AnswersOf(question),
        algorithm=GNNExplainer(epochs=epochs) if name == "gnn_explainer" else _captum(),
        # To PyG, a class that is asked about is the target of a phenomenon.
        explanation_type="model" if target is None else "phenomenon",
        model_config=_model_config(question),
        node_mask_type="attributes",
        edge_mask_type=None,
    )
    with reproducible(seed, torch.device("cpu")):
        found = explainer(x, edges, target=target)
    rows = []
    for node_type, mask in found.collect("node_mask").items():
        mine = around.mine(node_type)
        label = node_type.partition("/")[2] if around.owner(node_type)[0] == around.entity else node_type
        for whose, which in (("own", mine), ("others", ~mine)):
            if which.any():
                values = mask[torch.from_numpy(which)].abs()
                rows.append(
                    {
                        "modality": label,
                        "whose": whose,
                        "mean": float(values.mean()),
                        "max": float(values.max()),
                    }
                )
    return pd.DataFrame(rows, columns=["modality", "whose", "mean", "max"])


def _model_config(question: Question) -> ModelConfig:
    if isinstance(question.task, Classification):
        return ModelConfig(mode="multiclass_classification", task_level="graph", return_type="raw")
    return ModelConfig(mode="regression", task_level="graph", return_type="raw")


def _captum() -> Any:
    try:
        import captum  # noqa: F401 - PyG imports it inside, and says nothing of how it is installed
    except ImportError:
        raise MissingDependencyError(
            "captum is not installed",
            where="--explainer captum",
            fix='Install it: pip install "mmgraph[explain]".',
        ) from None
    from torch_geometric.explain import CaptumExplainer

    return CaptumExplainer("IntegratedGradients")
