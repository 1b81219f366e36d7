"""What a comparison will do: entries, controls, seeds and splits, all checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mmgraph.errors import ConfigError, Fault, MMGraphError, did_you_mean
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.controls import CONTROLS, Controls, control_entries
from mmgraph.evaluation.entries import Entry, parse_entries, parse_entry
from mmgraph.evaluation.ground import Ground
from mmgraph.evaluation.resplit import Resplit
from mmgraph.evaluation.roles import Role, role_of
from mmgraph.evaluation.search import check_search
from mmgraph.graph.graph import Graph
from mmgraph.graph.store import load_graph
from mmgraph.training.assemble import build_model, visible_graph
from mmgraph.training.config import TrainConfig
from mmgraph.training.environment import reproducible
from mmgraph.training.resolve import resolve_config

_MODELS = ("mlp", "cross_modal_transformer", "co_attention", "hetero_gat")


@dataclass(frozen=True)
class Plan:
    """Everything that a comparison needs.

    Args:
        ground: The graph with its own split, and the task.
        entries: What is compared.
        configs: The config of each model among them, by name, before any search.
        roles: What each entry is there for, by name.
        subject: The entry that the question is about; nothing for the best on validation.
        overrides: Config overrides for all models.
        seeds: The seeds.
        resplit: Makes the graph with other splits; nothing where there is one.
        splits: How many splits there are.
        trials: How many configs of each model are tried on validation; 0 for none.
        added: How many of the entries, the last ones, are controls that nobody named.
    """

    ground: Ground
    entries: tuple[Entry, ...]
    configs: Mapping[str, TrainConfig]
    roles: Mapping[str, Role]
    subject: str | None
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    resplit: Resplit | None = None
    splits: int = 1
    trials: int = 0
    added: int = 0

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.ground.graph

    def seeds_of(self, entry: Entry) -> tuple[int, ...]:
        """Return the seeds of an entry: a baseline has none, so it runs once."""
        return self.seeds[:1] if entry.is_baseline else self.seeds


@dataclass(frozen=True)
class Request:
    """What is asked for beside graph and task.

    Args:
        models: The entries; nothing for the usual ones.
        seeds: How many seeds, or the seeds.
        overrides: Config overrides for all models.
        controls: Which controls of the subject are added: ``all``, ``few`` or ``none``; by default ``all``,
            and none where no entry can be the subject of them.
        subject: The entry that the question is about; by default the first model that reads relations.
        splits: How many splits.
        dataset: What the graph was built from, for other splits.
        trials: How many configs of each model are tried on validation.
    """

    models: Sequence[str] | None = None
    seeds: int | Sequence[int] = 3
    overrides: Sequence[str] = field(default_factory=tuple)
    controls: str | None = None
    subject: str | None = None
    splits: int = 1
    dataset: str | Path | None = None
    trials: int = 0


def plan_comparison(graph: Graph | str | Path, task: str, request: Request) -> Plan:
    """Return what a comparison will do, once all of it is known to be possible.

    Raises:
        ConfigError: If an entry, a seed, an override or a number cannot be used, or the data set is not what
            the graph was built from.
        GraphError: If the task has no labelled test entities.
    """
    seeds, overrides = _seeds(request.seeds), tuple(request.overrides)
    for name, value, least in (("--splits", request.splits, 1), ("--trials", request.trials, 0)):
        if value < least:
            raise ConfigError(f"got {value}; wanted at least {least}", where=name, fix="Change the value.")
    opened = graph if isinstance(graph, Graph) else load_graph(graph)
    share = resolve_config(overrides=overrides).label_share
    ground = Ground(opened, task, share, seeds[0])
    checked = _Checked(ground, overrides, seeds[0])
    entries = parse_entries(_models(ground, request))
    ground.task.rows("test")
    checked.add(entries)
    subject = _subject(entries, request.subject, checked)
    added = _added(entries, subject, checked, request.controls)
    entries += added
    configs, reads = checked.configs, checked.reads
    for entry in entries if request.trials else ():
        if not entry.is_baseline:
            check_search(configs[entry.name], [*overrides, *entry.overrides])
    roles = {
        entry.name: role_of(
            entry, configs.get(entry.name), subject=subject, reads_relations=reads.get(entry.name, False)
        )
        for entry in entries
    }
    resplit = None
    if request.splits > 1:
        resplit = Resplit.of(opened, task, request.dataset)
    return Plan(
        ground=ground,
        entries=tuple(entries),
        configs=configs,
        roles=roles,
        subject=None if subject is None else subject.name,
        overrides=overrides,
        seeds=seeds,
        resplit=resplit,
        splits=request.splits,
        trials=request.trials,
        added=len(added),
    )


def usual_models(kind: str) -> list[str]:
    """Return what is compared where nobody says what: the baselines of a kind of task, and four models.

    Example:
        >>> usual_models("matching")[:4]
        ['chance', 'cca', 'linear_map', 'kernel_map']
    """
    return [name for name, baseline in BASELINES.items() if kind in baseline.kinds] + list(_MODELS)


def _models(ground: Ground, request: Request) -> Sequence[str]:
    """Return the entries that are asked for; by default the usual ones that have something to read."""
    if request.models is not None:
        return request.models
    return [
        name
        for name in usual_models(ground.task.labels.kind)
        if name not in BASELINES or not BASELINES[name].lacks(ground.task, ground.view)
    ]


class _Checked:
    """The entries that can run: the config of each model, and whether it reads relations.

    Args:
        ground: The graph with its own split.
        overrides: Config overrides for all models.
        seed: The first seed.
    """

    def __init__(self, ground: Ground, overrides: Sequence[str], seed: int) -> None:
        self.ground, self._overrides, self._seed = ground, overrides, seed
        self.configs: dict[str, TrainConfig] = {}
        self.reads: dict[str, bool] = {}

    def add(self, entries: Sequence[Entry]) -> None:
        """Make sure that entries can run.

        Raises:
            ConfigError: If one cannot.
            GraphError: If the graph lacks what one reads.
        """
        for entry in entries:
            if not entry.is_baseline:
                self._add_model(entry)
                continue
            BASELINES[entry.model].check(self.ground.task)
            if BASELINES[entry.model].reads_features:
                # Made now, as they may be missing altogether.
                _ = self.ground.features

    def may_gain(self, entry: Entry) -> bool:
        """Return whether the graph may help an entry: a model of relations and features as they are."""
        if entry.is_baseline:
            return False
        role = role_of(entry, self.configs[entry.name], subject=None, reads_relations=self.reads[entry.name])
        return role.kind == "rival"

    def controls_of(self, subject: Entry, which: Controls) -> list[str]:
        """Return the controls of a model, each as the text of an entry."""
        return control_entries(
            subject,
            self.configs[subject.name],
            self.ground.view,
            self.ground.task,
            which=which,
            reads_relations=self.reads[subject.name],
        )

    def _add_model(self, entry: Entry) -> None:
        config = resolve_config(
            model=entry.model, overrides=[*self._overrides, *entry.overrides], seed=self._seed
        )
        # The schema is the same with shuffled edges, which may take long to deal out.
        given = config.model_copy(update={"edges": "none" if config.edges == "none" else "given"})
        shown = visible_graph(self.ground.graph, self.ground.task_name, given)
        with reproducible(self._seed, torch.device("cpu")):
            model = build_model(shown, config.model)
        reads = any(layer.reads_relations for layer in model.layers)
        self.configs[entry.name] = config
        self.reads[entry.name] = reads and bool(shown.schema.relations)


def _subject(entries: Sequence[Entry], named: str | None, checked: _Checked) -> Entry | None:
    """Return the entry that the question is about: the one named, else the first that the graph may help."""
    names = {entry.name: entry for entry in entries}
    if named is None:
        return next((entry for entry in entries if checked.may_gain(entry)), None)
    if named not in names:
        raise ConfigError(f"there is no entry {named!r}", where="--subject", fix=did_you_mean(named, names))
    return names[named]


def _added(
    entries: Sequence[Entry], subject: Entry | None, checked: _Checked, asked: str | None
) -> list[Entry]:
    """Return the controls that are added to the entries, once all of them are known to run."""
    controls = _controls(asked)
    if controls == "none" or (asked is None and (subject is None or subject.is_baseline)):
        return []
    about = _require_model(subject)
    known = {entry.folder for entry in entries}
    wanted = [parse_entry(text) for text in checked.controls_of(about, controls)]
    added = [entry for entry in wanted if entry.folder not in known]
    for entry in added:
        try:
            checked.add([entry])
        except MMGraphError as error:
            note = (
                f"It is a control of {about.name}: put what --set says of that model alone in brackets, "
                f"{about.model}[key=value], or take --controls none."
            )
            raise type(error).of(
                Fault(f"{entry.name}: {fault.where}", fault.problem, f"{note} {fault.fix}".strip())
                for fault in error.faults
            ) from None
    return added


def _controls(asked: str | None) -> Controls:
    if asked is None:
        return "all"
    for known in CONTROLS:
        if asked == known:
            return known
    raise ConfigError(
        f"got {asked!r}; wanted none, few or all", where="--controls", fix=did_you_mean(asked, CONTROLS)
    )


def _require_model(subject: Entry | None) -> Entry:
    if subject is None or subject.is_baseline:
        raise ConfigError(
            "controls are made of one model, and no entry here reads the relations of the graph"
            if subject is None
            else f"controls are made of one model, and {subject.name} is a baseline",
            where="--subject",
            fix="Name the model, e.g. --subject mlp, or pass --controls none.",
        )
    return subject


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return the seeds that a number of seeds, or a list of them, stands for."""
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen or len(set(chosen)) < len(chosen) or any(not 0 <= seed < 2**32 for seed in chosen):
        raise ConfigError(
            f"got {seeds!r}; wanted how many seeds, at least 1, or different seeds from 0 up to 2**32 - 1",
            where="--seeds",
        )
    return chosen
