"""The nodes that a dataset gives: its entities, and one node for each modality that an entity has."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.data.choice import Choice
from mmgraph.data.dataset import Dataset, RawModality
from mmgraph.data.modality_spec import Storage
from mmgraph.elsewhere import Elsewhere
from mmgraph.encoders import (
    Encoded,
    Encoder,
    FeatureCache,
    TrainableEncoder,
    encode_modality,
    encode_new,
    encoder_faults,
    modality_encoder,
)
from mmgraph.encoders.broken_items import BrokenItemsError
from mmgraph.encoders.encode import left_out
from mmgraph.encoders.storage import rounded
from mmgraph.errors import Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.relation import Nodes
from mmgraph.progress import Progress


class NodeFactory:
    """Makes the nodes of a dataset, and encodes a modality when its features are asked for.

    Args:
        dataset: The dataset.
        cache: Where encoded features are kept; nothing to keep none.
        progress: Told about every modality that is encoded.
        encoders: By modality node type, encoders that are fitted already, for new entities of a graph;
            nothing to fit those of the dataset on its training entities.
        elsewhere: Who describes items; nothing where this process does.

    Attributes:
        from_cache: By modality node type, whether its description was in the cache; nothing where no cache
            is asked.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        cache: FeatureCache | None,
        progress: Progress,
        encoders: Mapping[str, Encoder[Any, Any]] | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.dataset = dataset
        self.elsewhere = elsewhere
        self._encoders = encoders
        self._cache = cache
        self._progress = progress
        self._types: dict[str, tuple[str, str | None]] = {}
        for entity, spec in dataset.spec.entities.items():
            self._types[entity] = (entity, None)
            for modality in spec.modalities:
                self._types[f"{entity}/{modality}"] = (entity, modality)
        self._several = {name for name in self.modalities if self._makes_several(name)}
        self._raw = LazyMapping(self.modalities, self._read)
        self._encoded = LazyMapping(self.modalities, self._encode)
        self._nodes = LazyMapping(self.names, self._make)
        self.from_cache: dict[str, bool | None] = {}

    @property
    def names(self) -> list[str]:
        """The node types: every entity type, each followed by its modalities."""
        return list(self._types)

    @property
    def modalities(self) -> list[str]:
        """The node types of modalities."""
        return [name for name, (_, modality) in self._types.items() if modality is not None]

    def is_modality(self, node_type: str) -> bool:
        """Return whether a node type is that of a modality."""
        return node_type in self.modalities

    def parts(self, node_type: str, *, where: str = "build_graph") -> tuple[str, str | None]:
        """Return the entity type and the modality (nothing for entity nodes) of a node type.

        Raises:
            GraphError: If there is no such node type.
        """
        if node_type not in self._types:
            raise GraphError(
                f"there is no node type {node_type!r}", where=where, fix=did_you_mean(node_type, self._types)
            )
        return self._types[node_type]

    def raw(self, node_type: str) -> RawModality:
        """Return the raw items of a modality node type."""
        return self._raw[node_type]

    def num_nodes(self, node_type: str) -> int:
        """Return the number of nodes, without encoding anything but where each item has several."""
        entity, modality = self.parts(node_type)
        if modality is None:
            return self.dataset.num_entities(entity)
        if self.has_several(node_type):
            return len(self.encoded(node_type).features)
        return len(self.raw(node_type).index)

    def has_several(self, node_type: str) -> bool:
        """Return whether a modality's encoder makes several nodes of an item: tokens, patches, frames."""
        return node_type in self._several

    def entity_index(self, node_type: str) -> NDArray[np.int64]:
        """Return the row of each node's entity in the entity table, int64 [N]."""
        _, modality = self.parts(node_type)
        if modality is None:
            return np.arange(self.num_nodes(node_type), dtype=np.int64)
        if self.has_several(node_type):
            return self.raw(node_type).index[self.encoded(node_type).item]
        return self.raw(node_type).index

    def position(self, node_type: str) -> NDArray[np.int64] | None:
        """Return the position of each element of a sequence, int64 [N]; nothing for other node types."""
        _, modality = self.parts(node_type)
        if modality is None:
            return None
        if self.has_several(node_type):
            return self.encoded(node_type).position
        return self.raw(node_type).position

    def check(self) -> None:
        """Read every modality and check its encoder, without encoding anything.

        Raises:
            GraphError: With all faults of all modalities.
        """
        faults = Faults()
        faults.found += encoder_faults(self.dataset)
        for name in self.modalities:
            try:
                self._content(name)
            except MMGraphError as error:
                faults.extend(error)
        faults.raise_if_any(GraphError)

    def encoded(self, node_type: str) -> Encoded:
        """Return the features of a modality node type, float32 [N, D], and the encoder that made them."""
        return self._encoded[node_type]

    def inputs(self, node_type: str) -> NDArray[Any] | None:
        """Return what the model of an encoder reads of each node of a modality, [N, ...].

        Nothing is returned of an encoder that stays as it is, and where there is no node.
        """
        fitted = self._encoders
        # Of new entities, nobody may ask for what the frozen model makes of them.
        encoder = self.encoded(node_type).encoder if fitted is None else fitted[node_type]
        if (
            not isinstance(encoder, TrainableEncoder)
            or not encoder.trainable
            or not self.num_nodes(node_type)
        ):
            return None
        return encoder.inputs(self.raw(node_type), self._progress)

    def encoded_by(self, node_type: str, choice: Choice) -> Encoded:
        """Return the features that another encoder gives a modality node type, and that encoder."""
        entity, modality = self.parts(node_type)
        assert modality is not None
        return encode_modality(
            self.dataset,
            entity,
            modality,
            choice=choice,
            cache=self._cache,
            progress=self._progress,
            elsewhere=self.elsewhere,
        )

    def encode_by(self, node_type: str, encoder: Encoder[Any, Any]) -> NDArray[np.float32]:
        """Return the features that a fitted encoder gives a modality node type, float32 [N, D]."""
        return self._encoded_anew(node_type, encoder, self.raw(node_type)).features

    def _encoded_new(self, node_type: str, encoder: Encoder[Any, Any]) -> Encoded:
        """Return the features of new entities, as many of them as can be read if others may be skipped."""
        entity, modality = self.parts(node_type)
        assert modality is not None
        raw = self._content(node_type)
        while True:
            try:
                return self._encoded_anew(node_type, encoder, raw)
            except BrokenItemsError as error:
                raw = left_out(error, raw, self.dataset, entity, modality)

    def _encoded_anew(self, node_type: str, encoder: Encoder[Any, Any], raw: RawModality) -> Encoded:
        if not len(raw):
            nothing = np.empty(0, dtype=np.int64) if encoder.several else None
            return Encoded(np.empty((0, encoder.channels), dtype=np.float32), encoder, nothing, nothing)
        return encode_new(
            encoder,
            raw,
            storage=self._storage(node_type),
            cache=self._cache,
            progress=self._progress,
        )

    def nodes(self, node_type: str) -> Nodes:
        """Return the nodes of a type as relation builders see them."""
        return self._nodes[node_type]

    def targets(self, entity: str) -> dict[str, list[str]]:
        """Return the columns of an entity table that tasks predict, with the names of the tasks."""
        columns: dict[str, list[str]] = {}
        for name, task in self.dataset.spec.entity_tasks.items():
            if task.entity == entity:
                columns.setdefault(task.target, []).append(name)
        return columns

    def readers(self, entity: str, column: str) -> list[str]:
        """Return the modality node types of an entity type that are read from one of its columns."""
        found = []
        for modality, spec in self.dataset.spec.entities[entity].modalities.items():
            columns = {getattr(spec, "column", None), getattr(spec, "boxes", None)}
            columns |= {*getattr(spec, "columns", ())}
            if column in columns:
                found.append(f"{entity}/{modality}")
        return found

    def _read(self, node_type: str) -> RawModality:
        entity, modality = self.parts(node_type)
        assert modality is not None
        if self.dataset.may_skip(entity, modality):
            # Which files its encoder cannot read is known once it has.
            self.encoded(node_type)
        return self._content(node_type)

    def _content(self, node_type: str) -> RawModality:
        entity, modality = self.parts(node_type)
        assert modality is not None
        return self.dataset.modality(entity, modality)

    def _encode(self, node_type: str) -> Encoded:
        entity, modality = self.parts(node_type)
        assert modality is not None
        if self._encoders is not None:
            found = self._encoded_new(node_type, self._encoders[node_type])
            return replace(found, features=rounded(found.features, self._storage(node_type)))
        cache = copy.copy(self._cache)
        result = encode_modality(
            self.dataset, entity, modality, cache=cache, progress=self._progress, elsewhere=self.elsewhere
        )
        self.from_cache[node_type] = None if cache is None else cache.found
        skipped = len(self._content(node_type).skipped)
        self._progress.say(
            f"{node_type}: {counted(len(result.features), 'node')} with "
            f"{counted(result.features.shape[1], 'channel')}"
            + (f"; {counted(skipped, 'file')} that cannot be read skipped" if skipped else "")
        )
        return result

    def _makes_several(self, node_type: str) -> bool:
        entity, modality = self.parts(node_type)
        assert modality is not None
        if self.dataset.spec.entities[entity].modalities[modality].encoder is None:
            return False
        try:
            return modality_encoder(self.dataset, entity, modality).several
        except MMGraphError:
            # Whoever checks or encodes it says what is wrong.
            return False

    def _storage(self, node_type: str) -> Storage:
        entity, modality = self.parts(node_type)
        assert modality is not None
        return self.dataset.spec.storage_of(entity, modality)

    def _make(self, node_type: str) -> Nodes:
        entity, modality = self.parts(node_type)
        rows = self.entity_index(node_type)
        visible = self.dataset.frame(entity).drop(columns=list(self.targets(entity)))
        return Nodes(
            type=node_type,
            ids=np.array(self.dataset.entity_ids(entity), dtype=object)[rows],
            features=None if modality is None else self.encoded(node_type).features,
            frame=visible.iloc[rows].reset_index(drop=True),
            entity_index=rows,
            training=self.dataset.training_rows(entity)[rows],
            position=self.position(node_type),
        )
