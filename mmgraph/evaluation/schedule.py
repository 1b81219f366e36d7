"""All trials of a comparison: which are done, which are left, and who does them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mmgraph.errors import ConfigError
from mmgraph.evaluation.comparison import Failure, Trial
from mmgraph.evaluation.forecast import runs_in_words, time_in_words
from mmgraph.evaluation.ground import Ground, opened_ground
from mmgraph.evaluation.plan import Plan
from mmgraph.evaluation.side_by_side import in_processes
from mmgraph.evaluation.trials import Job, find_trial, run_trial, search_for
from mmgraph.graph.layout import MANIFEST
from mmgraph.graph.store import load_graph
from mmgraph.progress import Advance, Progress
from mmgraph.training.config import TrainConfig
from mmgraph.training.launch import as_told
from mmgraph.training.unfinished import remove_empty

R = TypeVar("R")


@dataclass(frozen=True)
class Errand:
    """A job for another process, with where its graph is.

    Args:
        job: The job.
        place: Where the graph is.
        task: The name of the task.
        share: The share of the training labels that is read.
        found: What a search has found for the job.
    """

    job: Job
    place: str
    task: str
    share: float
    found: TrainConfig | None = None

    @property
    def ground(self) -> Ground:
        """The split, opened by this process."""
        return opened_ground(self.place, self.task, self.share, self.job.first_seed, self.job.draw)


def check_jobs(plan: Plan, out: Path | None, jobs: int) -> None:
    """Make sure that so many processes can do the trials.

    Raises:
        ConfigError: If they cannot.
    """
    problem, fix = "", ""
    if jobs < 1:
        problem, fix = f"got {jobs}; wanted at least 1", "Change the value."
    elif jobs > 1 and plan.graph.place is None:
        problem = f"got {jobs}, but the graph is in the memory of this process"
        fix = "Save it (graph.save(folder)) and compare on the folder."
    elif jobs > 1 and out is None:
        problem, fix = f"got {jobs}, but what other processes find would stay in them", "Give an out."
    if problem:
        raise ConfigError(problem, where="--jobs", fix=fix)


def run_all(
    plan: Plan, folder: Path | None, progress: Progress, *, jobs: int = 1
) -> tuple[list[Trial], list[Failure]]:
    """Run every entry with every seed on every split, but for what is done; what raises is kept as a failure.

    Args:
        plan: What to do.
        folder: Where trials are written and found; nothing to keep them in memory.
        progress: Told of every trial.
        jobs: How many processes do them.
    """
    progress.say(runs_in_words(plan))
    grounds = _grounds(plan, folder, progress)
    work = _work(plan, folder, list(grounds))
    trials = {job: trial for job in work if (trial := find_trial(job, grounds[job.draw])) is not None}
    for job in trials:
        if job.folder is not None:
            remove_empty(job.folder)
    left = [job for job in work if job not in trials]
    if trials:
        progress.say(f"{len(trials)} of {len(work)} runs are done already")
    _say_time(left, trials.values(), jobs, progress)
    first: dict[tuple[str, int], Job] = {}
    for job in left:
        if job.searches:
            first.setdefault((job.entry.name, job.draw), job)
    with progress.job("compare", total=len(left) + len(first)) as advance:
        crew = _Crew(plan, grounds, jobs, advance, progress)
        configs, lost = crew.search(first)
        failures = {job: error for job in left if (error := lost.get((job.entry.name, job.draw)))}
        advance(len(failures))
        for job, came in crew.train([job for job in left if job not in failures], configs):
            if isinstance(came, Trial):
                trials[job] = came
                if job.entry.name == plan.subject and len(_of(plan.subject, trials.values())) == 1:
                    rest = [one for one in left if one not in trials and one not in failures]
                    _say_time(rest, trials.values(), jobs, progress)
            else:
                failures[job] = came
    return [trials[job] for job in work if job in trials], [
        _failure(job, failures[job]) for job in work if job in failures
    ]


def _say_time(left: Sequence[Job], done: Collection[Trial], jobs: int, progress: Progress) -> None:
    """Say about how long the runs that are left take, as far as that is known."""
    if took := time_in_words(left, done, jobs=jobs):
        progress.say(f"Runs left: {len(left)}, {took}")


def _of(entry: str, trials: Iterable[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.entry == entry]


def done_runs(plan: Plan, folder: Path) -> list[Path]:
    """Return the folders of the first runs of the models on the graph's own split, as far as they are done.

    Args:
        plan: What to do.
        folder: Where trials are found.
    """
    first = [job for job in _work(plan, folder, [0]) if job.seed == plan.seeds[0] and job.config is not None]
    done = [job for job in first if find_trial(job, plan.ground) is not None]
    return [job.folder for job in done if job.folder is not None]


def _work(plan: Plan, folder: Path | None, draws: Sequence[int]) -> list[Job]:
    return [
        Job(
            entry,
            draw,
            seed,
            plan.overrides,
            plan.configs.get(entry.name),
            plan.trials,
            plan.seeds[0],
            folder,
        )
        for entry in plan.entries
        for draw in draws
        for seed in plan.seeds_of(entry)
    ]


@dataclass(frozen=True)
class _Crew:
    """Does the jobs of a comparison, in this process or in others.

    Args:
        plan: What to do.
        grounds: Every split by its number.
        number: How many processes.
        advance: Told of every job.
        progress: Told what came of it.
    """

    plan: Plan
    grounds: Mapping[int, Ground]
    number: int
    advance: Advance
    progress: Progress

    def search(
        self, jobs: Mapping[tuple[str, int], Job]
    ) -> tuple[dict[tuple[str, int], TrainConfig], dict[tuple[str, int], Exception]]:
        """Return what searches have found, and what they raised, by entry and split."""
        found: dict[tuple[str, int], TrainConfig] = {}
        lost: dict[tuple[str, int], Exception] = {}
        for job, came in self._each(_search, _search_there, list(jobs.values()), {}):
            if isinstance(came, TrainConfig):
                found[job.entry.name, job.draw] = came
                tried = f"{job.trials} configs were tried on validation"
                self.progress.say(f"{job.entry.name}{_split(job)}: {tried}")
            elif came is not None:
                lost[job.entry.name, job.draw] = came
                self.progress.say(f"failed: {_failure(job, came)}")
        return found, lost

    def train(
        self, jobs: Sequence[Job], configs: Mapping[tuple[str, int], TrainConfig]
    ) -> Iterator[tuple[Job, Trial | Exception]]:
        """Yield each trial with what came of it."""
        for job, came in self._each(_trial, _trial_there, jobs, configs):
            if isinstance(came, Exception):
                self.progress.say(f"failed: {_failure(job, came)}")
                yield job, came
                continue
            # From another process a trial comes by its folder alone.
            trial = came or find_trial(job, self.grounds[job.draw])
            assert trial is not None
            self.progress.say(_line(trial))
            yield job, trial

    def _each(
        self,
        here: Callable[[Job, Ground, TrainConfig | None], R],
        there: Callable[[Errand], R | Exception | None],
        jobs: Sequence[Job],
        configs: Mapping[tuple[str, int], TrainConfig],
    ) -> Iterator[tuple[Job, R | Exception | None]]:
        """Yield each job with what it returned or raised."""
        if self.number == 1 or not jobs:
            for job in jobs:
                self.advance(0, f"{job.entry.name}{_split(job)}, seed {job.seed}")
                try:
                    came: R | Exception = here(
                        job, self.grounds[job.draw], configs.get((job.entry.name, job.draw))
                    )
                except Exception as error:  # whatever a model or a plugin raises, the other entries go on
                    came = error
                self.advance(1)
                yield job, came
            return
        ground = self.plan.ground
        errands = [
            Errand(
                job,
                str(self.grounds[job.draw].graph.place),
                ground.task_name,
                ground.share,
                configs.get((job.entry.name, job.draw)),
            )
            for job in jobs
        ]
        for errand, result in in_processes(there, errands, self.number):
            self.advance(1)
            yield errand.job, result


def _grounds(plan: Plan, folder: Path | None, progress: Progress) -> dict[int, Ground]:
    """Return every split by its number; those that are not there are built."""
    grounds = {0: plan.ground}
    for draw in range(1, plan.splits):
        assert plan.resplit is not None
        out = None if folder is None else folder / "graphs" / str(draw)
        if out is not None and (out / MANIFEST).is_file():
            graph = load_graph(out)
        else:
            progress.say(f"build the graph with split {draw}")
            graph = plan.resplit.make(draw, out=out, progress=progress)
        grounds[draw] = Ground(graph, plan.ground.task_name, plan.ground.share, plan.seeds[0], draw)
        # So that a split without labels is found out before anything is trained on it.
        grounds[draw].task.rows("test")
    return grounds


def _search(job: Job, ground: Ground, found: TrainConfig | None) -> TrainConfig | None:  # noqa: ARG001
    return search_for(job, ground)


def _trial(job: Job, ground: Ground, found: TrainConfig | None) -> Trial:
    return run_trial(job, ground, found)


def _search_there(errand: Errand) -> TrainConfig | Exception | None:
    try:
        return search_for(errand.job, errand.ground)
    except Exception as error:
        return _told(error)


def _trial_there(errand: Errand) -> Exception | None:
    try:
        run_trial(errand.job, errand.ground, errand.found)
    except Exception as error:
        return _told(error)
    return None


def _told(error: Exception) -> Exception:
    told = as_told(error)
    assert isinstance(told, Exception)
    return told


def _failure(job: Job, error: Exception) -> Failure:
    return Failure(job.entry.name, job.seed, error, job.draw)


def _split(job: Job) -> str:
    return f", split {job.draw}" if job.draw else ""


def _line(trial: Trial) -> str:
    metric = next(iter(trial.metrics["test"]))
    value = trial.metrics["test"][metric]
    split = f", split {trial.draw}" if trial.draw else ""
    seed = "" if trial.history is None else f", seed {trial.seed}"
    return f"{trial.entry}{split}{seed}: test {metric} {value:.4f} ({trial.seconds:.1f} s)"
