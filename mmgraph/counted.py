"""Numbers with what they count, as a person writes them: ``1 edge``, ``1,234 edges``."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with what it counts.

    Args:
        number: The number.
        one: What one is called, and whatever else in the sentence goes by the number.
        many: What several or none are called; by default the same with an ``s``.

    Example:
        >>> counted(1, "edge"), counted(1234, "edge")
        ('1 edge', '1,234 edges')
        >>> counted(0, "class has no entity", "classes have no entity")
        '0 classes have no entity'
    """
    return f"{number:,} {agreed(number, one, many or f'{one}s')}"


def agreed(number: int, one: str, many: str) -> str:
    """Return the word that agrees with a number, where another word stands between.

    Example:
        >>> f"1 of 3 edges {agreed(1, 'has', 'have')} no weight"
        '1 of 3 edges has no weight'
    """
    return one if number == 1 else many
