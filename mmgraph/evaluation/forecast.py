"""How many runs a comparison is, and how long they take, told before they begin."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence

from mmgraph.evaluation.comparison import Trial
from mmgraph.evaluation.plan import Plan
from mmgraph.evaluation.trials import Job
from mmgraph.training.duration import format_duration


def runs_in_words(plan: Plan) -> str:
    """Return how many runs a comparison is, how many of them are controls, and how to ask for fewer."""
    named = plan.entries[: len(plan.entries) - plan.added]
    few = [entry for entry in plan.entries if entry in named or not plan.roles[entry.name].left_out]
    every, without, less = (
        plan.splits * sum(len(plan.seeds_of(entry)) for entry in entries)
        for entries in (plan.entries, named, few)
    )
    searched = sum(not entry.is_baseline for entry in plan.entries) * plan.splits if plan.trials else 0
    text = f"{every} run{'' if every == 1 else 's'}"
    if searched:
        text += f" after {searched} searches of {plan.trials} configs each"
    if every == without:
        return text
    fewer = f"--controls few: {less}, " if less < every else ""
    return f"{text}, {every - without} of them controls of {plan.subject} ({fewer}--controls none: {without})"


def time_in_words(left: Sequence[Job], done: Collection[Trial], *, jobs: int) -> str:
    """Return about how long runs will take, by those that are done, else by ``max_time``, else nothing.

    Baselines of which none is done count nothing, as they are quick. Searches are not counted.

    Args:
        left: The runs that are left.
        done: What is done.
        jobs: How many processes do them.
    """
    known = [_seconds(job, done) for job in left]
    limits = [job.config.max_time for job in left if job.config is not None]
    if None not in known:
        total, word = sum(seconds for seconds in known if seconds is not None), "about"
    elif None not in limits:
        total, word = sum(seconds for seconds in limits if seconds is not None), "at most about"
    else:
        return ""
    return f"{word} {format_duration(max(round(total / jobs), 1))}" if left else ""


def _seconds(job: Job, done: Collection[Trial]) -> float | None:
    """Return how long a run takes, by those of the same entry, else of the same model, else of any model."""
    if job.entry.is_baseline:
        own = [trial.seconds for trial in done if trial.entry == job.entry.name]
        return statistics.fmean(own) if own else 0.0
    trained = [trial for trial in done if trial.history is not None]
    for kin in (
        [trial for trial in trained if trial.entry == job.entry.name],
        [trial for trial in trained if trial.entry.partition("[")[0] == job.entry.model],
        trained,
    ):
        if kin:
            return statistics.fmean(trial.seconds for trial in kin)
    return None
