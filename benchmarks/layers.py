"""Measure layers side by side with their peers: time, memory, first use, and how cost grows.

    python benchmarks/layers.py [--quick] [--check] [--json FILE] [--case TEXT] [--device cuda] [--page FILE]

Contenders of a case take turns in a process of the case's own, for what an earlier case leaves of the heap
changes how quickly memory is had; ratios are medians over the rounds. Memory is what a first step adds to
that of a process of its own, plan included. Compilation is measured apart, in processes that start from an
empty cache and from a full one.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import torch
from first_use import first_use, seconds_of
from group_cases import GROUP_CASES
from layer_cases import CASES as GRAPH_CASES
from layer_cases import Case, Goal
from layers_page import make_section
from machine import processor, versions
from measure import in_own_process, interleaved, peak_above, time_ratio
from performance_page import write_section

CASES = [*GRAPH_CASES, *GROUP_CASES]


def main() -> int:
    """Measure, print, and return 1 if a goal is missed and ``--check`` was given."""
    options = _options()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: there is no GPU that torch can use here")
    if options.device != "cpu":
        # Even the device that torch has by itself costs each of its functions a detour through Python.
        torch.set_default_device(options.device)
    if options.seconds_of:
        print(json.dumps(_seconds(CASES[int(options.seconds_of[0])], options.seconds_of[1])))
        return 0
    if options.memory_of:
        print(_memory(CASES[int(options.memory_of[0])], options.memory_of[1], options.memory_of[2]))
        return 0
    if options.first_use:
        print(seconds_of(*options.first_use))
        return 0
    report: dict[str, Any] = {
        "size": "quick" if options.quick else "full",
        "machine": _machine(options.device),
        "versions": versions(("torch", "torch_geometric", "numba", "numpy", "mmgraph")),
        "cases": [],
        "first_use": None,
    }
    for number, case in enumerate(CASES):
        if options.case in case.name:
            report["cases"].append(_measure(number, case, report["size"], options.device))
            _print_case(report["cases"][-1], report["size"])
            # After each case, so that an interruption loses none that is done.
            _write(report, options)
    if options.device == "cpu" and not options.case:
        report["first_use"] = first_use()
        _print_first_use(report["first_use"])
        _write(report, options)
    missed = [f"{r['case']}: {g['text']}" for r in report["cases"] for g in r["goals"] if not g["met"]]
    if options.check:
        for line in missed:
            print(f"missed: {line}")
    return int(options.check and bool(missed))


def _write(report: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.page:
        write_section(options.page, "layers", make_section(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, under a minute")
    parser.add_argument(
        "--check", action="store_true", help="print each goal that is missed; exit 1 if any is"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument(
        "--case", default="", metavar="TEXT", help="only cases whose name has this in it, without first use"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="where to compute")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of the documentation there")
    parser.add_argument("--seconds-of", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--memory-of", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--first-use", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(number: int, case: Case, size: str, device: str) -> dict[str, Any]:
    print(f"{case.name} ...", file=sys.stderr)
    seconds = json.loads(in_own_process("--seconds-of", str(number), size, "--device", device))
    memory = {
        name: float(in_own_process("--memory-of", str(number), name, size, "--device", device))
        for name in case.memory
    }
    return {
        "case": case.name,
        "rounds": len(next(iter(seconds.values()))),
        "milliseconds": {
            name: {"median": 1e3 * median(times), "least": 1e3 * min(times)}
            for name, times in seconds.items()
        },
        "megabytes": memory,
        "goals": [_judge(goal, seconds, memory) for goal in case.goals],
    }


def _judge(goal: Goal, seconds: dict[str, list[float]], memory: dict[str, float]) -> dict[str, Any]:
    if goal.what == "time":
        ratio = time_ratio(seconds, goal.of, goal.over)
    else:
        ratio = memory[goal.of] / max(memory[goal.over], 1.0)
    wanted = f"at least {goal.at_least}" if goal.at_most is None else f"at most {goal.at_most}"
    met = ratio >= (goal.at_least or 0) and ratio <= (goal.at_most or float("inf"))
    text = f"{goal.what} of {goal.of} / {goal.over} is {ratio:.2f}, wanted {wanted}"
    return {"what": goal.what, "of": goal.of, "over": goal.over, "ratio": ratio, "met": met, "text": text}


def _machine(device: str) -> dict[str, Any]:
    if device == "cuda":
        return {"gpu": torch.cuda.get_device_name()}
    return {"cpu": processor(), "threads": torch.get_num_threads()}


def _seconds(case: Case, size: str) -> dict[str, list[float]]:
    steps = {name: make() for name, make in case.make(size).items()}
    quick = size == "quick"
    return interleaved(steps, 7 if quick else 25, 4 if quick else 90)


def _memory(case: Case, contender: str, size: str) -> float:
    # What is imported and compiled at first use is not the step's.
    case.make("tiny")[contender]()()
    return peak_above(case.make(size)[contender]())


def _print_case(result: dict[str, Any], size: str) -> None:
    print(f"\n{result['case']} ({size}, {result['rounds']} rounds)")
    for name, times in result["milliseconds"].items():
        memory = result["megabytes"].get(name)
        megabytes = "" if memory is None else f"{memory:8.0f} MB"
        print(f"  {name:12s} {times['median']:9.1f} ms (least {times['least']:.1f}) {megabytes}")
    for goal in result["goals"]:
        print(f"  {'ok    ' if goal['met'] else 'MISSED'} {goal['text']}", flush=True)


def _print_first_use(seconds: dict[str, dict[str, float]]) -> None:
    step, training = seconds["step"], seconds["training"]
    print(f"\nfirst step of a process: {step['cold']:.1f} s compiling, {step['cached']:.2f} s from the cache")
    print("training on glyphs:", ", ".join(f"{each:.1f} s {name}" for name, each in training.items()))


if __name__ == "__main__":
    raise SystemExit(main())
