"""Parquet files can be read where hardly any memory is left."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from mmgraph.parquet_file import may_start_threads, open_parquet, read_parquet

# Less is left than the stack of a thread takes.
_UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
import pyarrow.parquet
from mmgraph.parquet_file import may_start_threads, open_parquet, read_parquet

kind, field, path = getattr(resource, sys.argv[1]), sys.argv[2], Path(sys.argv[3])
# Arrow's allocator takes its first blocks, and pandas is imported.
pyarrow.parquet.ParquetFile(path, pre_buffer=False).read(use_threads=False).to_pandas(use_threads=False)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
held = int(status[field].split()[0]) * 1024
resource.setrlimit(kind, (held + 4_000_000, resource.RLIM_INFINITY))
table = read_parquet(path).to_pandas(use_threads=may_start_threads())
blocks = open_parquet(path).iter_batches(1000, use_threads=may_start_threads())
print(len(table), sum(block.num_rows for block in blocks))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("under=a_name") / "t.parquet"
    columns = {name: list(range(5000)) for name in "abc"} | {"id": [f"x{row}" for row in range(5000)]}
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(("kind", "field"), [("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")])
def test_reading_ends_where_no_thread_can_be_started(kind: str, field: str, file: Path) -> None:
    command = [sys.executable, "-c", _UNDER_A_LIMIT, kind, field, str(file)]
    # Arrow's pool would be waited for for ever.
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["5000", "5000"], done.stderr


def test_threads_are_used_where_nothing_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: resource.RLIM_INFINITY, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], resource.RLIM_INFINITY))
    assert may_start_threads()
    limits[resource.RLIMIT_DATA] = 1 << 40
    assert not may_start_threads()


def test_a_folder_named_like_a_key_gives_no_column(file: Path) -> None:
    assert read_parquet(file).column_names == open_parquet(file).schema_arrow.names == ["a", "b", "c", "id"]
