"""Work that is done item by item on single cores."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from mmgraph.worker_threads import for_each_on_single_cores


@pytest.fixture(autouse=True)
def _two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_items_are_done_two_at_a_time_each_by_one_thread():
    meeting, seen = threading.Barrier(2, timeout=10), []

    def work(item):
        meeting.wait()
        seen.append((item, torch.get_num_threads(), threading.current_thread() is threading.main_thread()))

    for_each_on_single_cores(range(6), work)
    assert sorted(seen) == [(item, 1, False) for item in range(6)]
    assert torch.get_num_threads() == 2


def test_where_torch_has_one_thread_items_are_done_here_and_in_order():
    torch.set_num_threads(1)
    seen = []
    for_each_on_single_cores(iter("abc"), lambda item: seen.append((item, threading.current_thread())))
    assert seen == [(item, threading.main_thread()) for item in "abc"]


def test_after_an_error_no_further_item_is_begun():
    seen = []

    def work(item):
        seen.append(item)
        if item == 3:
            raise ValueError("three")
        time.sleep(0.005)

    with pytest.raises(ValueError, match="three"):
        for_each_on_single_cores(range(1000), work)
    assert len(seen) < 20


def test_an_error_of_what_makes_the_items_is_raised():
    def items():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        for_each_on_single_cores(items(), lambda item: None)


def test_whoever_is_interrupted_leaves_nobody_at_work(monkeypatch):
    seen = []

    def interrupted(tasks):
        threads = [threading.Thread(target=task) for task in tasks]
        for thread in threads:
            thread.start()
        started.extend(threads)
        raise KeyboardInterrupt

    started: list[threading.Thread] = []
    monkeypatch.setattr("mmgraph.worker_threads.run_on_single_cores", interrupted)
    with pytest.raises(KeyboardInterrupt):
        for_each_on_single_cores(range(1000), lambda item: (seen.append(item), time.sleep(0.01)))
    for thread in started:
        thread.join(timeout=5)
    assert len(seen) < 20
