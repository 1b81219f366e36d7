"""What an audit finds: findings by check, as an object, as text and as one JSON document."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mmgraph.counted import counted

FORMAT = 1
"""The version of the JSON document; a key that is there stays there as long as it does not change."""

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Args:
        severity: ``high``: figures on held-out entities cannot be believed; ``medium``: it may well be a
            leak, and a person has to say; ``low``: it leaks as soon as something reads it.
        where: The place in the graph, e.g. ``relation borders``.
        what: One sentence that says what was found, with its figures.
        count: How many it concerns.
        of: Out of how many.
        sure: How sure that is: counted, or with what confidence a figure is beyond chance.
        fix: What to do.
        figure: What was measured, where it is a share or an R squared.
        chance: What chance, or the best guess without looking, would give.
        at_least: What the figure is at the least, with 99 % confidence for all that the check looked at.
        examples: Ids of some entities, or pairs of them.
    """

    severity: Severity
    where: str
    what: str
    count: int
    of: int
    sure: str
    fix: str
    figure: float | None = None
    chance: float | None = None
    at_least: float | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Args:
        check: The name of the check.
        question: What it asks.
        findings: What it found; nothing where all is well.
        skipped: Why it could not look, or nothing.
    """

    check: str
    question: str
    findings: tuple[Finding, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class AuditReport:
    """The outcome of an audit.

    Args:
        graph: The name of the graph.
        fingerprint: The fingerprint of the graph.
        task: The name of the task.
        split: The parts of the split that were held against training.
        dataset: Whether the dataset was looked at as well.
        results: By check, in the order in which they ran.
    """

    graph: str
    fingerprint: str
    task: str
    split: tuple[str, ...]
    dataset: bool
    results: tuple[CheckResult, ...] = field(default=())

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """All findings with the names of their checks, the gravest first."""
        found = [(result.check, finding) for result in self.results for finding in result.findings]
        return sorted(found, key=lambda pair: SEVERITIES.index(pair[1].severity))

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {
            "format": FORMAT,
            "graph": self.graph,
            "fingerprint": self.fingerprint,
            "task": self.task,
            "split": list(self.split),
            "dataset": self.dataset,
            "clean": self.clean,
            "findings": [
                {"check": check, **asdict(finding), "examples": list(finding.examples)}
                for check, finding in self.findings
            ],
            "checks": [
                {
                    "check": result.check,
                    "question": result.question,
                    "findings": len(result.findings),
                    "skipped": result.skipped or None,
                }
                for result in self.results
            ],
        }

    def __str__(self) -> str:
        """Return the report as lines for people."""
        lines = []
        for check, found in self.findings:
            lines += [
                f"{found.severity}  {check}: {found.where}",
                f"    {found.what}",
                f"    How sure: {found.sure}.",
                *([f"    For example: {', '.join(found.examples)}"] if found.examples else []),
                f"    {found.fix}",
                "",
            ]
        asked = [result for result in self.results if not result.skipped]
        silent = [result for result in asked if not result.findings]
        number = len(self.findings)
        lines.append(
            f"{self.graph}, task {self.task}: {counted(number, 'finding') if number else 'no findings'}; "
            f"{len(silent)} of {counted(len(asked), 'check')} found nothing."
        )
        lines += [
            f"Not looked at: {result.check} ({result.skipped})." for result in self.results if result.skipped
        ]
        return "\n".join(lines)
