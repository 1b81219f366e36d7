"""What an answer rests on, all in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.evaluation.explanation.pairs import Pair
from mmgraph.readable import readable
from mmgraph.training.run import Run


@dataclass(frozen=True)
class Fidelity:
    """Whether what is called important is.

    Args:
        important: The kind and name of the fewest that make up 80 % of what speaks for the answer: of what
            brings the number of a regression from where it would be without any to where it is.
        necessity: Fidelity+: how far the probability falls without them, or the number of a regression moves.
            High if they are needed.
        sufficiency: Fidelity-: how far it falls, or moves, with them alone. Near 0, or below, if they are
            enough.
        measured: Whether that is of the number of a regression.
    """

    important: tuple[tuple[str, str], ...]
    necessity: float
    sufficiency: float
    measured: bool = False

    @property
    def changes(self) -> tuple[str, str]:
        """What becomes of the answer without them, and with them alone, in words."""
        return changed(self.necessity, self.sufficiency, measured=self.measured)


def changed(necessity: float, sufficiency: float, *, measured: bool) -> tuple[str, str]:
    """Return what becomes of an answer without what is important, and with that alone, in words.

    Args:
        necessity: Fidelity+.
        sufficiency: Fidelity-.
        measured: Whether it is the number of a regression.

    Example:
        >>> changed(0.25, -0.03, measured=False)
        ('the probability falls by 0.2500', 'it rises by 0.0300')
    """
    first, second = (
        f"{'changes' if measured else 'rises' if moved < 0 else 'falls'} by {readable(abs(moved), 4)}"
        for moved in (necessity, sufficiency)
    )
    return f"the {'number' if measured else 'probability'} {first}", f"it {second}"


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the answer for one entity rests on, or that for a pair as one of its ends makes it.

    Args:
        task: The task.
        model: The model.
        entity: The entity type.
        id: The entity.
        title: Its title.
        target: What is true, as text; empty where that is not known, and of a pair, which says it itself.
        prediction: What the model says, as text; empty of a pair.
        asked: What ``value`` is: the log-odds of a class, a label or a pair, or the target of a regression.
        value: What the model says of that.
        nothing: What it would say without any modality of the entity and without relations.
        plain: Both as people know them, as probabilities or in the unit of the target.
        parts: One row for each modality and relation, what added most first: ``kind``, ``name``, ``added`` (a
            Shapley value; together they make ``value - nothing``), ``error`` and ``alone`` (how far the
            number falls if this alone goes); where answers are ranked, also ``rank`` (where it stands then).
        exact: Whether these Shapley values are exact.
        neighbours: The same for neighbours, with ``id``, ``title``, ``type`` and ``relations``; ``added``
            makes up the difference to an entity without any of them.
        left_out: How many neighbours with little effect are not among them.
        fidelity: Of modalities and relations.
        fidelity_of_neighbours: Of neighbours.
        features: By integrated gradients: ``modality``, ``whose`` and ``added``.
        own_features: By modality of the entity, what each of its features added, [D].
        feature_names: By modality, of those of a table, what each of its features stands for, [D].
        gap: How far integrated gradients are from adding up.
        attention: Whom it looked at, of layers that fuse by attention.
        masks: What an explainer of PyG says, if one was asked.
        row: The row of the entity.
        neighbour_rows: The type and row of each neighbour.
        pair: Of a pair, both ends and what the run says of them.
        role: Of a pair, which end the entity is; see :class:`~mmgraph.evaluation.explanation.pairs.End`.
        other: Of a pair, the same number as the other end makes it, which stays as it is here.
    """

    task: str
    model: str
    entity: str
    id: str
    title: str
    target: str
    prediction: str
    asked: str
    value: float
    nothing: float
    plain: tuple[float, float]
    parts: pd.DataFrame
    exact: bool
    neighbours: pd.DataFrame
    left_out: int
    fidelity: Fidelity
    fidelity_of_neighbours: Fidelity
    features: pd.DataFrame
    own_features: dict[str, np.ndarray[Any, Any]]
    feature_names: dict[str, list[str]]
    gap: float
    attention: pd.DataFrame
    masks: pd.DataFrame
    row: int
    neighbour_rows: tuple[tuple[str, int], ...]
    pair: Pair | None = None
    role: str = ""
    other: Explanation | None = None

    @property
    def sides(self) -> tuple[Explanation, ...]:
        """This one, and of a pair that of the other end."""
        return (self,) if self.other is None else (self, self.other)

    @property
    def says(self) -> str:
        """What the model says, in a sentence without its full stop."""
        if self.pair is None:
            truth = f" (it is {self.target})" if self.target else ""
            return f"{self.model} says that {self.title} ({self.id}) is {self.prediction}{truth}"
        return _says(self.model, self.pair)

    def strongest_features(self, count: int = 5) -> pd.DataFrame:
        """Return the features of the entity that added or took most.

        They are told by ``modality``, number (``feature``) and ``added``, and by ``name`` if any has one.

        Args:
            count: How many of each modality.
        """
        rows = [
            {
                "modality": name,
                "feature": int(place),
                **self._named(name, place),
                "added": float(added[place]),
            }
            for name, added in self.own_features.items()
            for place in np.argsort(-np.abs(added), kind="stable")[:count]
        ]
        named = ["name"] if self.feature_names else []
        return pd.DataFrame(rows, columns=["modality", "feature", *named, "added"])

    def _named(self, modality: str, place: int) -> dict[str, str]:
        names = self.feature_names.get(modality, [])
        return {"name": names[place] if names else ""} if self.feature_names else {}

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        document = {
            "task": self.task,
            "model": self.model,
            "entity": self.entity,
            "id": self.id,
            "title": self.title,
            "target": self.target,
            "prediction": self.prediction,
            "asked": self.asked,
            "value": self.value,
            "nothing": self.nothing,
            "plain": list(self.plain),
            "parts": self.parts.to_dict("records"),
            "exact": self.exact,
            "fidelity": vars(self.fidelity),
            "neighbours": self.neighbours.to_dict("records"),
            "neighbours_left_out": self.left_out,
            "fidelity_of_neighbours": vars(self.fidelity_of_neighbours),
            "integrated_gradients": {
                "modalities": self.features.to_dict("records"),
                "features": self.strongest_features().to_dict("records"),
                "gap": self.gap,
            },
            "attention": self.attention.to_dict("records"),
            "masks": self.masks.to_dict("records"),
        }
        if self.pair is not None:
            document |= {"role": self.role, "pair": self.pair.to_json()}
        if self.other is not None:
            document |= {"other": self.other.to_json()}
        return document

    def save_page(self, file: str | Path, run: Run) -> None:
        """Write it as one HTML page, with pictures and texts, without scripts and network.

        Args:
            file: Where to.
            run: The run that was explained.
        """
        from mmgraph.evaluation.explanation.page import write_page

        write_page(Path(file), self, run)


def _says(model: str, pair: Pair) -> str:
    one, other = (f"{end.title} ({end.id})" for end in pair.ends)
    ours, theirs = (end.role for end in pair.ends)
    if pair.kind == "link":
        return f"{model} ranks {other} as {pair.prediction} targets of {one} (it is {pair.target})"
    if pair.kind == "retrieval":
        found = f"{model} finds the {theirs} of {other} as {pair.prediction} for the {ours} of {one}"
        return f"{found} (they are {pair.target})"
    both = f"the {ours} of {one} and the {theirs} of {other}"
    return f"{model} says that {both} are {pair.prediction} (they are {pair.target})"
