"""What is worth telling of a relation while it is built or extended."""

from __future__ import annotations


class Remarks:
    """Counts and warnings.

    Attributes:
        counts: Numbers worth knowing, by what they count.
        warnings: Sentences worth reading.

    Example:
        >>> remarks = Remarks()
        >>> remarks.count("rows_skipped", 0)
        >>> remarks.count("duplicates_merged", 3)
        >>> remarks.counts
        {'duplicates_merged': 3}
    """

    def __init__(self) -> None:
        self.counts: dict[str, int | float] = {}
        self.warnings: list[str] = []

    def count(self, what: str, number: int | float) -> None:
        """Note a number, unless it is 0."""
        if number:
            self.counts[what] = number

    def warn(self, sentence: str) -> None:
        """Note a sentence for the person who builds the graph or extends it."""
        self.warnings.append(sentence)
