"""Several things at a time: results in order, errors in their place, and what is needed comes first."""

from __future__ import annotations

import threading
import time

import pytest

from mmgraph.errors import GraphError
from mmgraph.graph.workers import run_all


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_are_in_order_whoever_was_first(workers: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.02 / (1 + number))
        return number * number

    assert run_all(slow, range(6), workers) == [0, 1, 4, 9, 16, 25]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_takes_the_place_of_its_result_and_stops_no_other(workers: int) -> None:
    def fail_at_two(number: int) -> int:
        if number == 2:
            raise GraphError("two", where="here")
        return number

    found = run_all(fail_at_two, range(4), workers)
    assert [type(result) for result in found] == [int, int, GraphError, int]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_the_program_is_not_hidden(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        run_all(lambda number: 1 // number, [1, 0], workers)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_what_an_item_needs_is_done_before_it(workers: int) -> None:
    done: list[str] = []
    lock = threading.Lock()

    def do(name: str) -> str:
        time.sleep(0.02 if name == "a" else 0)
        with lock:
            done.append(name)
        return name

    needs = {"a": [], "b": ["a"], "c": ["b"], "d": []}
    assert run_all(do, list(needs), workers, needs.__getitem__) == ["a", "b", "c", "d"]
    assert done.index("a") < done.index("b") < done.index("c")
