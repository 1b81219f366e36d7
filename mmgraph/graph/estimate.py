"""What a build will take, before it begins: memory and disk, and whether they will do."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmgraph.data.modality_spec import FeaturesModality, Storage
from mmgraph.errors import Faults, GraphError
from mmgraph.graph.nodes import NodeFactory

if TYPE_CHECKING:
    from mmgraph.graph.relation_job import RelationJob

# While edges are read and sorted there are two int64 arrays of ends, the same sorted, and two orders.
_WORKING_BYTES_PER_EDGE = 16 + 16 + 8 + 8
# An edge's source, in the reverse relation its target, and its share of the pointers of both.
_STORED_BYTES_PER_EDGE = 12
# An id as Python's text, its place in the lists and tables that hold it, and its share of the index of ids.
_BYTES_PER_ENTITY = 250
_KEPT_BYTES: dict[Storage, int] = {"float32": 4, "float16": 2}
_TOO_LARGE = 0.9
_MEMINFO = Path("/proc/meminfo")
_STATUS = Path("/proc/self/status")
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


@dataclass(frozen=True)
class Estimate:
    """What a build will take, as far as that can be known before it begins.

    Args:
        edges: The number of edges of each relation at most; nothing where only building it tells.
        memory: The bytes of memory at the peak.
        disk: The bytes on disk.
    """

    edges: Mapping[str, int | None]
    memory: int
    disk: int

    def line(self) -> str:
        """Return the estimate in words."""
        unknown = [name for name, edges in self.edges.items() if edges is None]
        more = f", and what {', '.join(unknown)} will take" if unknown else ""
        return f"estimate: {_size(self.memory)} of memory and {_size(self.disk)} of disk{more}"

    def refuse_if_too_large(self, folder: Path | None) -> None:
        """Raise if memory or, for a graph that goes to a folder, its disk will not do.

        Raises:
            GraphError: With what is needed, what there is, and what to do.
        """
        faults = Faults()
        free = free_memory()
        if free is not None and self.memory > _TOO_LARGE * free:
            fix = "Build fewer relations, use fewer workers, or take a machine with more memory."
            if folder is None:
                fix = f"Pass out=FOLDER, so that edges go to disk one relation at a time. {fix}"
            needs = f"the build will need about {_size(self.memory)} of memory"
            faults.add("build_graph", f"{needs}; {_size(free)} are free", fix)
        if folder is not None and self.disk > _TOO_LARGE * (space := shutil.disk_usage(folder).free):
            faults.add(
                str(folder.parent),
                f"the graph will take about {_size(self.disk)} of disk; {_size(space)} are free",
                "Free some space, or choose another --out.",
            )
        faults.raise_if_any(GraphError)


def estimate_build(
    factory: NodeFactory, jobs: Sequence[RelationJob], workers: int, *, to_disk: bool
) -> Estimate:
    """Return what a build will take.

    Args:
        factory: Makes the nodes.
        jobs: The relations, checked.
        workers: How many are built at a time.
        to_disk: Whether edges are written as soon as they are built.
    """
    edges = {job.name: job.estimate() for job in jobs}
    known = sorted((number for number in edges.values() if number is not None), reverse=True)
    entities = sum(factory.dataset.num_entities(entity) for entity in factory.dataset.spec.entities)
    numbers = {name: _stored_numbers(factory, name) for name in factory.modalities}
    features = 4 * sum(numbers.values())
    kept = sum(number * _KEPT_BYTES[_storage(factory, name)] for name, number in numbers.items())
    stored = sum(known) * _STORED_BYTES_PER_EDGE
    working = sum(known[:workers]) * _WORKING_BYTES_PER_EDGE
    memory = entities * _BYTES_PER_ENTITY + features + working + (0 if to_disk else 2 * stored)
    return Estimate(edges, memory, stored + kept + entities * 8 * max(len(jobs), 1))


def _stored_numbers(factory: NodeFactory, name: str) -> int:
    """Return how many numbers of features lie in a file already; how wide others get only encoders know."""
    entity, modality = factory.parts(name)
    assert modality is not None
    if not isinstance(factory.dataset.spec.entities[entity].modalities[modality], FeaturesModality):
        return 0
    return int(getattr(factory.raw(name).values, "size", 0))


def _storage(factory: NodeFactory, name: str) -> Storage:
    entity, modality = factory.parts(name)
    assert modality is not None
    return factory.dataset.spec.storage_of(entity, modality)


def free_memory() -> int | None:
    """Return the bytes of memory that the process may still take: nothing if nobody tells.

    The least of what is free on the machine and in the control group, and of what the limits of the process
    (``ulimit -v``, ``ulimit -d``) leave.
    """
    found = []
    if _MEMINFO.is_file():
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines() if ":" in line)
        if "MemAvailable" in lines:
            found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    for limit, used in _CGROUPS:
        if limit.is_file() and used.is_file() and (most := limit.read_text().strip()).isdigit():
            found.append(int(most) - int(used.read_text()))
    held = _held()
    for kind, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        allowed, _ = resource.getrlimit(kind)
        if allowed != resource.RLIM_INFINITY and field in held:
            found.append(allowed - held[field])
    return max(min(found), 0) if found else None


def _held() -> dict[str, int]:
    """Return what the process has of each kind of memory, in bytes; nothing where Linux does not tell."""
    if not _STATUS.is_file():
        return {}
    lines = (line.split() for line in _STATUS.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1] == "kB"}


def _size(number: int) -> str:
    """Return a number of bytes for people."""
    if number < 1e5:
        return f"{number / 1e3:,.1f} kB"
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"
