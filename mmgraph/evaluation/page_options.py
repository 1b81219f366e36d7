"""What a comparison's page shall show beside what it always does, checked before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgraph.data.task_spec import AnyTaskSpec, LinkTaskSpec, MultiTaskSpec
from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.evaluation.plan import Plan
from mmgraph.evaluation.report_map import MapMethod, check_map
from mmgraph.evaluation.report_slices import Slicing
from mmgraph.graph.graph import Graph
from mmgraph.graph.without_links import link_type


@dataclass(frozen=True, eq=False)
class PageOptions:
    """What is shown of a comparison.

    Args:
        slicing: By which columns the test entities are made groups of.
        explain: Entities whose answers are explained.
        show: The model whose first run is explained and mapped; by default the subject, or where that is a
            baseline the best model on validation.
        map_method: How the map comes into the plane.
    """

    slicing: Slicing = field(default_factory=Slicing)
    explain: tuple[str, ...] = ()
    show: str | None = None
    map_method: MapMethod = "tsne"

    def arguments(self) -> dict[str, Any]:
        """Return what was asked for, as :func:`mmgraph.compare` takes it; a table only where it is a file."""
        table = self.slicing.table
        asked = {
            "groups": list(self.slicing.groups),
            "table": str(table) if isinstance(table, str | Path) else None,
            "explain": list(self.explain),
            "show": self.show,
            "map_method": None if self.map_method == "tsne" else self.map_method,
        }
        return {name: value for name, value in asked.items() if value}

    def check(self, plan: Plan) -> None:
        """Make sure, before long work, that all of it can be shown.

        Raises:
            ConfigError: If there is no such column, map or model, or the task has no target of each entity.
            DataError: If a table cannot be read.
            GraphError: If there is no such entity.
            MissingDependencyError: If a map needs a package that is not installed.
        """
        task = plan.ground.task.labels.task
        self.slicing.check(plan.graph, task)
        check_map(self.map_method)
        models = [entry.name for entry in plan.entries if not entry.is_baseline]
        if self.show is not None and self.show not in models:
            raise ConfigError(
                f"there is no model {self.show!r} among the entries",
                where="--show",
                fix=did_you_mean(self.show, models),
            )
        if not self.explain:
            return
        if not models:
            raise ConfigError(
                "all entries are baselines, whose answers are not explained",
                where="--explain",
                fix="Add a model.",
            )
        ids = _asked_about(plan.graph, plan.graph.task(task), task)
        for one in self.explain:
            if one not in ids:
                raise GraphError(
                    f"there is no entity {one!r} that the task asks about",
                    where="--explain",
                    fix="Check the id.",
                )


def _asked_about(graph: Graph, spec: AnyTaskSpec, task: str) -> set[str]:
    """Return the ids of the entities that a task asks about: of links the sources."""
    names = spec.tasks if isinstance(spec, MultiTaskSpec) else [task]
    entities = {
        link_type(graph, one.relation, where=f"tasks.{name}").source
        if isinstance(one, LinkTaskSpec)
        else one.entity
        for name, one in ((name, graph.task(name)) for name in names)
        if not isinstance(one, MultiTaskSpec)
    }
    return {name for entity in entities for name in graph.nodes[entity]["id"].astype(str)}
