"""Edges among the utterances of a conversation: by turns, by speaker, or by who answers whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.errors import DataError, Faults, GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.entity_columns import Context, entity_column, labels, read_by
from mmgraph.relations.id_columns import Unknown, positions_of
from mmgraph.relations.spans import Positions
from mmgraph.relations.timeline import Timeline, earlier, later

Pairs = tuple[Positions, Positions]


@RELATIONS.register("conversation")
@dataclass(frozen=True)
class Conversation(RelationBuilder):
    """Edges to an utterance from those before it in its conversation.

    What ``link`` says is one relation; take several for a conversation graph like that of DialogueGCN
    (`Ghosal et al. 2019 <https://arxiv.org/abs/1908.11540>`_). There is no reverse relation, unless
    ``direction`` asks for both, so that nothing is heard from what is said later. An utterance with an empty
    cell in one of the columns that the link needs has no edge, and two of the same turn have none.

    Args:
        entity: The entity type of utterances.
        link: ``window``: from the last utterances; ``same_speaker``: from the last ones of the same speaker;
            ``reply``: from the one that it answers.
        conversation: The column that tells conversations apart.
        turn: The column with the order in a conversation, numbers or dates.
        speaker: The column that says who speaks, for ``same_speaker``.
        reply_to: For ``reply``, the column with the id of the utterance that is answered, empty for none;
            without it the turn before is answered.
        window: How many utterances back ``window`` and ``same_speaker`` reach.
        direction: ``past`` for edges from earlier to later only, or ``both``.
        unknown: What to do with a ``reply_to`` that is no utterance's id: ``error``, or ``skip`` it.

    Example:
        >>> Conversation("utterance", "same_speaker", window=5).default_name
        'same_speaker'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type of utterances.")]
    link: Annotated[Literal["same_speaker", "reply", "window"], Field(description="What ties utterances.")]
    conversation: Annotated[str, Field(description="The column that tells conversations apart.")] = (
        "conversation"
    )
    turn: Annotated[str, Field(description="The column with the order in a conversation.")] = "turn"
    speaker: Annotated[str, Field(description="The column that says who speaks.")] = "speaker"
    reply_to: Annotated[
        str | None, Field(description="The column with the id of the utterance that is answered.")
    ] = None
    window: Annotated[int, Field(ge=1, description="How many utterances back the relation reaches.")] = 10
    direction: Annotated[
        Literal["past", "both"], Field(description="From earlier to later only, or both ways.")
    ] = "past"
    unknown: Annotated[
        Unknown, Field(description="What to do with a reply_to that is no utterance's id.")
    ] = "error"

    @property
    def default_name(self) -> str:
        """What ties utterances; ``turns`` for a window of them."""
        return "turns" if self.link == "window" else self.link

    @property
    def symmetric(self) -> bool:
        """Only where both directions are asked for."""
        return self.direction == "both"

    @property
    def one_way(self) -> bool:
        """Whether nothing may be heard from what is said later."""
        return super().one_way or self.direction == "past"

    @property
    def _columns(self) -> dict[str, str]:
        """The columns that are read, by parameter."""
        if self.link == "reply" and self.reply_to is not None:
            return {"reply_to": self.reply_to}
        columns = {"conversation": self.conversation, "turn": self.turn}
        return columns | {"speaker": self.speaker} if self.link == "same_speaker" else columns

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same columns."""
        return read_by(context, self.entity, self._columns.values())

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts, and ``reply_to`` where nobody reads it.

        Raises:
            GraphError: If there is one.
        """
        for parameter, column in self._columns.items():
            context.refuse_target(self.entity, column, parameter=parameter)
        if self.reply_to is not None and self.link != "reply":
            raise GraphError(
                f"got {self.reply_to!r}, but link is {self.link}",
                where=context.at("reply_to"),
                fix="Remove it, or set link to reply.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return turns and groups, by which new utterances find those before them; or who answers whom."""
        if "reply_to" in self._columns:
            return {}
        line = self._line(context)
        return {"turn": line.time, "group": line.group}

    def estimate(self, context: BuildContext) -> int:
        """Return how many edges there will be at most."""
        return self._reach * context.num_nodes(self.entity)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from earlier utterances to later ones.

        Raises:
            DataError: If an answered utterance is not there.
        """
        if "reply_to" in self._columns:
            ids = np.array(context.dataset.entity_ids(self.entity), dtype=object)
            return Edges(*self._replies(context, ids, unknown=self.unknown))
        line = Timeline(context.fitted["turn"], context.fitted["group"])
        context.count("without_turn_or_group", int((~line.usable).sum()))
        source, target, _ = earlier(line.take(context.permitted(self.entity)), line, k=self._reach)
        return Edges(source, target)

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges between known utterances and new ones."""
        if "reply_to" in self._columns:
            # New utterances may answer each other, but hear from known ones only.
            known_ids, new_ids = context.known_ids(self.entity), context.ids(self.entity)
            source, target = self._replies(context, np.concatenate([known_ids, new_ids]), unknown="skip")
            heard = source < len(known_ids)
            return Attached(Edges(source[heard], target[heard]))
        known, new = Timeline(context.fitted["turn"], context.fitted["group"]), self._line(context)
        source, target, _ = earlier(known.take(context.permitted(self.entity)), new, k=self._reach)
        after, before = later(known, new, k=self._reach)
        return Attached(Edges(source, target), Edges(before, after))

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why no utterance has one before it."""
        if "reply_to" in self._columns:
            return f"no cell of {self.reply_to!r} names an utterance"
        same = f" of the same {self.speaker!r}" if self.link == "same_speaker" else ""
        return f"no two utterances{same} are at different turns of one {self.conversation!r}"

    @property
    def _reach(self) -> int:
        return 1 if self.link == "reply" else self.window

    def _line(self, context: Context) -> Timeline:
        """Return the turns of utterances, grouped by conversation or by speaker in it."""
        turn, _ = entity_column(context, self.entity, self.turn, parameter="turn").moments()
        group = labels(context, self.entity, self.conversation, parameter="conversation")
        if self.link == "same_speaker":
            speaker = labels(context, self.entity, self.speaker, parameter="speaker")
            group = _both(group, speaker)
        return Timeline(turn, group)

    def _replies(self, context: Context, known: NDArray[np.object_], *, unknown: Unknown) -> Pairs:
        """Return the answered utterances and their answers.

        Args:
            context: The surroundings, whose utterances answer.
            known: The ids of those that can be answered.
            unknown: What to do with an id that is not among them.
        """
        assert self.reply_to is not None
        column = entity_column(context, self.entity, self.reply_to, parameter="reply_to")
        faults = Faults()
        source = positions_of(
            column, known, entity=self.entity, unknown=unknown, faults=faults, empty_is_unknown=False
        )
        faults.raise_if_any(DataError)
        nobody = np.flatnonzero((source < 0) & ~column.missing)
        context.count("unknown_skipped", len(nobody))
        if isinstance(context, AttachContext):
            context.note_unknown(self.entity, nobody)
        target = np.flatnonzero(source >= 0)
        return source[target], target


def _both(one: NDArray[np.str_], other: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return one label for two, nothing where one of them is nothing; no two pairs have the same."""
    there = (one != "") & (other != "")
    lengths = np.char.str_len(one).astype(str)
    joined = np.char.add(np.char.add(lengths, ":"), np.char.add(one, other))
    return np.where(there, joined, "")
