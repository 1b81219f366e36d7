"""What was made anew in a build, what was taken over, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from mmgraph.graph.estimate import Estimate

_PLURAL = {"modality": "modalities", "relation": "relations"}


@dataclass(frozen=True)
class Decision:
    """Whether something was made anew or taken over from an earlier graph.

    Args:
        reused: Whether it was taken over.
        why: The reason.
    """

    reused: bool
    why: str


@dataclass
class BuildNotes:
    """What was made anew in a build, and why.

    Args:
        relations: The decision about each relation.
        modalities: The decision about each modality node type.
        estimate: What the build was thought to take, before it began.
    """

    relations: dict[str, Decision] = field(default_factory=dict)
    modalities: dict[str, Decision] = field(default_factory=dict)
    estimate: Estimate | None = None

    def lines(self) -> list[str]:
        """Return the estimate and each decision in words, one a line."""
        return [
            *([] if self.estimate is None else [self.estimate.line()]),
            *(
                f"{kind} {name}: {'reused' if decision.reused else 'built'}: {decision.why}"
                for kind, decisions in self._kinds
                for name, decision in sorted(decisions.items())
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the estimate and the decisions as JSON values."""
        return {
            "estimate": None if self.estimate is None else asdict(self.estimate),
            **{
                _PLURAL[kind]: {name: asdict(decision) for name, decision in sorted(decisions.items())}
                for kind, decisions in self._kinds
            },
        }

    @property
    def _kinds(self) -> list[tuple[str, dict[str, Decision]]]:
        return [("modality", self.modalities), ("relation", self.relations)]
