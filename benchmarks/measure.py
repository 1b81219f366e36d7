"""Time by interleaved rounds; peak memory in a process of its own."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def interleaved(
    steps: Mapping[str, Callable[[], object]], rounds: int, most_seconds: float, *, warm: bool = True
) -> dict[str, list[float]]:
    """Return each contender's seconds in each round; whose turn it is steps twice, the second time measured.

    Args:
        steps: The contenders.
        rounds: How many rounds at most.
        most_seconds: After how long no further round begins, three rounds at least.
        warm: Whether each steps twice; where a step takes seconds, what others leave does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    wait()
    begin = time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - begin > most_seconds:
            break
        for name, step in steps.items():
            if warm:
                # As in a training, the step before was one's own: what others leave of caches and memory is
                # not what is measured.
                step()
            wait()
            start = time.perf_counter()
            step()
            wait()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def wait() -> None:
    """Return once the device has done what it was asked to."""
    if torch.get_default_device().type == "cuda":
        torch.cuda.synchronize()


def time_ratio(seconds: Mapping[str, list[float]], of: str, over: str) -> float:
    """Return the median over the rounds of the ratio within a round, which what else runs disturbs least."""
    return median(a / b for a, b in zip(seconds[of], seconds[over], strict=True))


def peak_above(step: Callable[[], object]) -> float:
    """Return how far the memory in use rises during a step, in MB: this process's (on Linux) or the GPU's."""
    gc.collect()
    if torch.get_default_device().type == "cuda":
        wait()
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
        step()
        return (torch.cuda.max_memory_allocated() - held) / 2**20
    _CLEAR.write_text("5")
    before = _resident("VmRSS")
    step()
    return (_resident("VmHWM") - before) / 1024


def _resident(field: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return float(line.split()[1])


def in_own_process(*arguments: str, timeout: float = 600, env: dict[str, str] | None = None) -> str:
    """Return the line that this script prints last when it is started with these arguments."""
    command = [sys.executable, str(Path(sys.argv[0]).resolve()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.splitlines()[-1]
