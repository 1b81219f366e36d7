"""What importing mmgraph tells torch before that is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="wheels have GNU's OpenMP there alone")
@pytest.mark.parametrize(
    ("told", "wanted"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "0")],
)
def test_threads_wait_for_each_other_less_busily_unless_told_otherwise(told, wanted):
    ours = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    done = subprocess.run(
        [sys.executable, "-c", "import mmgraph, torch"],
        env=environment | {"OMP_DISPLAY_ENV": "verbose"} | told,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{wanted}'" in done.stderr
