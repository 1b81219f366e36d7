"""The page that ``comparison.py`` writes: ``docs/comparison_results.md``."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from known_truths import TRUTHS
from scipy import stats

from mmgraph.evaluation.contrasts import SIGNIFICANCE

POWER = 0.8
"""How often what is there must be found."""

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""By case, what was said in each repetition."""


class Rate(NamedTuple):
    """How often something was so.

    Args:
        count: How often.
        of: Out of how many.
    """

    count: int
    of: int

    @property
    def share(self) -> float:
        """The share; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    def __str__(self) -> str:
        """Return count and share with its exact 95% interval (Clopper and Pearson)."""
        if not self.of:
            return ""
        found = stats.binomtest(self.count, self.of).proportion_ci()
        return f"{self.count} of {self.of}: {self.share:.0%} ({found.low:.0%} to {found.high:.0%})"


class Row(NamedTuple):
    """What was said of one case.

    Args:
        helps: Repetitions in which the graph was said to help.
        found: Parts that are missed and were found to be, by corrected p-values.
        false: Repetitions in which any other part was said to be missed, or to harm, by corrected p-values.
        single: Tests of such parts whose own p-value, not corrected, is below the level.
    """

    helps: Rate
    found: Rate
    false: Rate
    single: Rate


def summarise(results: Results) -> dict[str, Row]:
    """Return for each case what was said of the graph, of what is missed, and of what is not."""
    table = {}
    for case, runs in results.items():
        truth = TRUTHS[case]
        missed = [test for run in runs for test in run["tests"] if test["left_out"] in truth.missed]
        others = [[test for test in run["tests"] if test["left_out"] in truth.superfluous] for run in runs]
        table[case] = Row(
            helps=_rate(run["answer"] == "yes" for run in runs),
            found=_rate(test["p_holm"] < SIGNIFICANCE and test["gain"] > 0 for test in missed),
            false=_rate(any(test["p_holm"] < SIGNIFICANCE for test in tests) for tests in others),
            single=_rate(test["p"] < SIGNIFICANCE for tests in others for test in tests),
        )
    return table


def render_page(results: Results, *, splits: int) -> str:
    """Return the page as Markdown.

    Args:
        results: What was said.
        splits: On how many random splits each comparison was.
    """
    table = summarise(results)
    repetitions = max(len(runs) for runs in results.values())
    libraries = ("mmgraph", "torch", "torch-geometric", "scikit-learn")
    versions = ", ".join([f"Python {platform.python_version()}"] + [f"{n} {version(n)}" for n in libraries])
    command = "python benchmarks/comparison.py --folder DIR --page docs/comparison_results.md"
    command += f" \\\n    --repetitions {repetitions} --splits {splits}"
    rows = [
        [case, TRUTHS[case].helps, _answers(results[case]), *(str(rate) for rate in row)]
        for case, row in table.items()
    ]
    head = ["case", "does the graph help?", "answers", "said to help", "missed, and found", "false", "by p"]
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    level = f"{SIGNIFICANCE:.0%}"
    text = _PAGE.format(repetitions=repetitions, splits=splits, level=level, versions=versions)
    parts = [text, "\n".join(lines), "\n".join(_together(table)), f"```bash\n{command}\n```\n"]
    return "\n\n".join(parts)


def _together(table: Mapping[str, Row]) -> Iterable[str]:
    """Yield what all cases say together."""
    nothing = [row.helps for case, row in table.items() if TRUTHS[case].helps == "no"]
    something = [row.helps for case, row in table.items() if TRUTHS[case].helps == "yes"]
    goal = f"at most {SIGNIFICANCE:.0%}"
    for what, rates, wanted in (
        ("The graph helps, and is said to", something, f"at least {POWER:.0%}"),
        ("The graph does not help, and is said to", nothing, goal),
        ("A part is missed, and found to be", [row.found for row in table.values()], f"at least {POWER:.0%}"),
        ("A comparison says of anything else that it is missed", [row.false for row in table.values()], goal),
        ("The same by single tests, not corrected", [row.single for row in table.values()], goal),
    ):
        total = Rate(sum(rate.count for rate in rates), sum(rate.of for rate in rates))
        yield f"- {what}: {total}; wanted: {wanted}."


def _answers(runs: Sequence[Mapping[str, Any]]) -> str:
    answers = [str(run["answer"]) for run in runs]
    return ", ".join(f"{answers.count(answer)} {answer}" for answer in dict.fromkeys(sorted(answers)))


def _rate(hits: Iterable[bool]) -> Rate:
    known = list(hits)
    return Rate(sum(known), len(known))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PAGE = """# Is a comparison right?

What [`mmgraph compare`](how_to/compare.md) says of data whose truth is known. Each case is drawn
up to {repetitions} times, as the table says, and each time compared on {splits} random splits. 240 things of
two classes have two modalities, `sound` and `sight`, are `at` one of 24 places, which can be seen, and `meet`
others. What tells the class is the case; all else is noise:

- *graph carries all*: 95% are at a place of their class, and neither modality tells anything;
- *graph carries some*: the same, and sounds of the classes lie one standard deviation apart. It was harder
  before (85% at a place, sounds 1.2 deviations apart), and made easier after one run had not found the place;
- *graph carries nothing*: both modalities tell the class, each in part, and places do not;
- *one modality*: sound alone tells it;
- *both modalities together*: it is 1 where sound and sight disagree (XOR), so neither tells it alone. It
  is trained for 40 epochs and the others for 15: that was set after eight repetitions with 15, which is too
  short to learn it, had found 7 of 16 missed parts, with 1 false comparison of 8 and no wrong answer.

*Said to help*: the answer is yes. *Missed, and found*: of the relations and modalities that carry the signal,
those that are said to be missed, by p-values that Holm's method has corrected. *False*: comparisons that say
of any other relation or modality that it is missed or does harm, at {level}; *by p*: such single tests with a
p-value below {level} that is not corrected. Shares have exact 95% intervals. The test is built to err on the
side of doubt (it corrects for what splits share, and holds that few splits may agree by chance), so *false*
may well be under its level. Made with {versions}."""
