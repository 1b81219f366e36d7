"""Checks of a layer's options, which come from YAML and flags as well as from code."""

from __future__ import annotations

from collections.abc import Sequence

from mmgraph.errors import ConfigError, did_you_mean


def require_positive(owner: str, name: str, value: int) -> int:
    """Return ``value`` if it is an integer of at least 1.

    Raises:
        ConfigError: If not.

    Example:
        >>> require_positive("hetero_gat", "heads", 0)
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: hetero_gat.heads: got 0; wanted an integer of at least 1
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"got {value!r}; wanted an integer of at least 1", where=f"{owner}.{name}")
    return value


def require_fraction(owner: str, name: str, value: float) -> float:
    """Return ``value`` if it is a number from 0 to below 1.

    Raises:
        ConfigError: If not.

    Example:
        >>> require_fraction("hetero_gat", "dropout", 0.5)
        0.5
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ConfigError(f"got {value!r}; wanted a number from 0 to below 1", where=f"{owner}.{name}")
    return float(value)


def require_choice(owner: str, name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``.

    Raises:
        ConfigError: If not.

    Example:
        >>> require_choice("hetero_gat", "aggr", "men", ["sum", "mean"])
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: hetero_gat.aggr: got 'men'; wanted one of sum, mean. Did you mean 'mean'?
    """
    if value not in choices:
        raise ConfigError(
            f"got {value!r}; wanted one of {', '.join(choices)}",
            where=f"{owner}.{name}",
            fix=did_you_mean(str(value), choices),
        )
    return value


def head_width(owner: str, channels: int, heads: int) -> int:
    """Return the width of one of ``heads`` heads that share ``channels``.

    Raises:
        ConfigError: If the heads do not divide the channels.

    Example:
        >>> head_width("hetero_gat", 128, 4)
        32
    """
    if channels % require_positive(owner, "heads", heads):
        raise ConfigError(
            f"got {heads} heads for {channels} channels; wanted a number that divides the channels",
            where=f"{owner}.heads",
            fix="Change heads or hidden_channels.",
        )
    return channels // heads
