"""The same graph with its entities, or edges, split anew: what several random splits are made of.

Each is built from the data set as the first one was, so that encoders are fitted on the training entities of
that split alone, and relations that must not see held-out entities do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mmgraph.config import parse
from mmgraph.data.dataset import Dataset
from mmgraph.data.load import spec_file
from mmgraph.data.spec import DatasetSpec
from mmgraph.data.task_spec import LinkTaskSpec, MultiTaskSpec
from mmgraph.errors import ConfigError
from mmgraph.graph.attach_relation import relation_builder
from mmgraph.graph.build import build_graph
from mmgraph.graph.graph import Graph
from mmgraph.progress import Progress

_SEEDED = {"random", "stratified", "grouped", "edges"}


@dataclass(frozen=True)
class Resplit:
    """Makes a graph with another random split.

    Args:
        graph: The graph with the first split.
        file: The ``dataset.yaml`` of what it was built from.
        task: The name of the task.
        split: The name of the split; nothing where the task itself holds edges out.
    """

    graph: Graph
    file: Path
    task: str
    split: str | None

    @classmethod
    def of(cls, graph: Graph, task: str, dataset: str | Path | None) -> Resplit:
        """Return what makes other splits of a task.

        Raises:
            ConfigError: If the data set is not given, or the split is not one at random.
            UnknownNameError: If the builder of a relation is not registered.
        """
        if dataset is None:
            raise ConfigError(
                "several splits are made from the data set, so that nothing fitted sees what is held out",
                where="--dataset",
                fix="Name what the graph was built from, or leave --splits out.",
            )
        written = (graph.manifest.get("dataset") or {}).get("spec")
        if not written:
            raise ConfigError(
                f"the graph {graph.name!r} was not built from a data set, so it has one split alone",
                where="--splits",
                fix="Leave it out.",
            )
        name = _split_name(graph, task, written)
        for relation in graph.schema.relations:
            # One whose plugin is not loaded is to be found out now.
            relation_builder(graph, relation)
        return cls(graph, spec_file(dataset), task, name)

    def make(self, draw: int, *, out: Path | None, progress: Progress) -> Graph:
        """Return the graph with the split of another number.

        Args:
            draw: The number, at least 1; 0 is the split that the graph has.
            out: A folder to write it to; nothing to keep it in memory.
            progress: Told what is being done.

        Raises:
            MMGraphError: If the graph cannot be built.
            ConfigError: If the data set is another one than that of the graph.
        """
        content = _with_seed(self.graph.manifest["dataset"]["spec"], self.task, self.split, draw)
        spec = parse(DatasetSpec, content, where=f"{self.file} (split {draw})")
        dataset = Dataset(spec, self.file.parent, file=self.file)
        relations = [(name, relation_builder(self.graph, name)) for name in self.graph.schema.relations]
        made = build_graph(dataset, relations=relations, previews=False, progress=progress, out=out)
        self._require_same(made)
        return made

    def _require_same(self, made: Graph) -> None:
        """Raise unless both graphs are of the same entities with the same answers."""
        for name, table in self.graph.nodes.items():
            other = made.nodes.get(name)
            columns = [c for c in table if c == "id" or str(c).startswith("target:")]
            if (
                other is None
                or len(other) != len(table)
                or not _text(table[columns]).equals(_text(other[columns]))
            ):
                raise ConfigError(
                    f"{self.file.parent} has other nodes {name!r}, or other answers for them, than the graph",
                    where="--dataset",
                    fix="Name what the graph was built from, or build the graph anew.",
                )


def _text(table: pd.DataFrame) -> pd.DataFrame:
    """Return cells as text: what is read from a folder may be of another type than what was built."""
    return table.astype(str)


def _split_name(graph: Graph, task: str, written: dict[str, Any]) -> str | None:
    """Return the name of the split of a task; nothing where the task holds edges out by itself."""
    spec = graph.task(task)
    if isinstance(spec, MultiTaskSpec):
        members = [graph.task(member) for member in spec.tasks]
        if len({member.split for member in members}) > 1:  # type: ignore[union-attr]
            raise ConfigError(
                f"the tasks of {task!r} have splits of their own; wanted one that they share",
                where="--splits",
                fix="Leave it out, or compare on each task.",
            )
        spec = members[0]
    name: str | None = spec.split  # type: ignore[union-attr]
    if name is None:
        assert isinstance(spec, LinkTaskSpec)
        if task not in written.get("tasks", {}):
            raise ConfigError(
                f"{task!r} is no task of dataset.yaml, which says how edges are held out",
                where="--splits",
                fix=f"Write a link_prediction task for {spec.relation!r}, and build the graph anew.",
            )
        if spec.hold_out is not None and spec.hold_out.by == "time":
            raise _single("by time")
        return None
    kind = written["splits"][name]["kind"]
    if kind not in _SEEDED:
        raise _single({"column": "given by a column"}.get(kind, "by time"))
    return name


def _single(how: str) -> ConfigError:
    return ConfigError(
        f"the split is {how}, so there is one alone",
        where="--splits",
        fix="Leave it out, and compare over seeds, or split at random in dataset.yaml.",
    )


def _with_seed(written: dict[str, Any], task: str, split: str | None, draw: int) -> dict[str, Any]:
    """Return the content of a dataset.yaml with another seed for one split."""
    kind, name, inner = ("splits", split, None) if split is not None else ("tasks", task, "hold_out")
    owner = dict(written[kind][name])
    if inner is None:
        owner["seed"] = int(owner.get("seed") or 0) + draw
    else:
        held_out = dict(owner.get(inner) or {})
        owner[inner] = {**held_out, "seed": int(held_out.get("seed") or 0) + draw}
    return {**written, kind: {**written[kind], name: owner}}
