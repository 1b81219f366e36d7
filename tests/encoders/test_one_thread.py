from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from mmgraph.encoders.one_thread import one_thread


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_inside_there_is_one_thread_and_afterwards_as_many_as_before():
    np.ones(2) @ np.ones(2)
    with threadpool_limits(2):
        before = threads()
        with one_thread():
            assert threads() == {1}
        assert threads() == before
