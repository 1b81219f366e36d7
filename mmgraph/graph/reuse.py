"""What an earlier graph has that need not be built again."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from mmgraph.atomic import atomic_write
from mmgraph.errors import MMGraphError, UserError
from mmgraph.graph.fingerprint import add_edges
from mmgraph.graph.graph import Graph
from mmgraph.graph.inputs import Inputs, code_hash, in_words, is_pure, own_code
from mmgraph.graph.layout import MANIFEST, edges_path, held_out_path, table_path
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.notes import Decision
from mmgraph.graph.relation_job import RelationJob
from mmgraph.graph.save import Taken, describe_file
from mmgraph.graph.schema import EdgeType
from mmgraph.graph.store import load_graph
from mmgraph.hashing import Hasher
from mmgraph.paths import home
from mmgraph.progress import Progress


class BuildRecords:
    """What relations were made from, by the hash of what they came out as.

    The records are kept on this machine, not in the graph: the order of a table's rows changes its hash and
    not the graph. They may be deleted at any time; then relations are built again.

    Args:
        folder: Where to keep them; nothing for ``builds`` in mmgraph's own folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or home() / "builds"

    def get(self, output: str) -> dict[str, str] | None:
        """Return the inputs of what came out with this hash; nothing if there is no record."""
        try:
            record = json.loads(self._path(output).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        sound = isinstance(record, dict) and all(isinstance(value, str) for value in record.values())
        return record if sound else None

    def put(self, output: str, inputs: Mapping[str, str], progress: Progress) -> None:
        """Keep the inputs of what came out with this hash."""
        try:
            atomic_write(self._path(output), json.dumps(dict(inputs), indent=1, sort_keys=True) + "\n")
        except (UserError, OSError) as error:
            progress.say(f"What the graph is built from is not kept for the next time: {error}")

    def _path(self, output: str) -> Path:
        return self._folder / output[:2] / f"{output}.json"


class EarlierGraph:
    """A graph folder that is to be replaced, and whose relations may be taken over.

    Args:
        folder: The folder; it need not hold a graph.
        records: Knows how this machine left the files of graphs.
    """

    def __init__(self, folder: Path, records: BuildRecords) -> None:
        self._folder = folder
        self._records = records
        self._files: dict[str, Any] = {}
        self._digests: dict[str, str] = {}
        self.graph: Graph | None = None
        self.problem = "there is no earlier graph"
        if (folder / MANIFEST).is_file():
            try:
                self.graph = load_graph(folder)
                manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
                self._files, self._digests = manifest["files"], manifest.get("digests", {})
            except (MMGraphError, OSError, ValueError) as error:
                self.problem = f"the earlier graph cannot be used: {error}"

    def edge_type(self, name: str) -> EdgeType | None:
        """Return the relation of a name."""
        types = () if self.graph is None else self.graph.schema.edge_types
        return next((t for t in types if t.name == name and t.kind != "of"), None)

    def described(self, name: str) -> dict[str, Any]:
        """Return what the manifest says about a relation."""
        assert self.graph is not None, self.problem
        described: dict[str, Any] = self.graph.manifest["relations"].get(name, {})
        return described

    def files(self, edge_type: EdgeType) -> dict[str, Any]:
        """Return the files of a relation, with their sizes and hashes."""
        name = edge_type.name
        starts = (f"{edges_path(edge_type.triple)}/", f"relations/{name}/", f"{held_out_path(name)}/")
        return {name: known for name, known in self._files.items() if name.startswith(starts)}

    def table(self, name: str) -> dict[str, Any]:
        """Return the file of a node table, with its size and hash; nothing if there is none."""
        path = table_path(name)
        return {path: self._files[path]} if path in self._files else {}

    def take_table(self, name: str, into: Path, taken: Taken) -> bool:
        """Put a node table into another folder as well; return whether it is as the manifest says."""
        return self._take(self.table(name), table_path(name), into, taken)

    def take_edges(self, edge_type: EdgeType, into: Path, taken: Taken) -> bool:
        """Put the edges of a relation into another folder as well.

        Args:
            edge_type: The relation.
            into: The other folder.
            taken: Is told what is there now.

        Returns:
            Whether all files of the relation are as the manifest says; else none is taken.
        """
        path = edges_path(edge_type.triple)
        return self._take(self.files(edge_type), path, into, taken)

    def remember_states(self, progress: Progress) -> None:
        """Keep the sizes and times of all files, by which it shows later that nobody has touched them."""
        states = {name: _state(self._folder / name) for name in self._files}
        self._records.put(_states_hash(self._files), states, progress)

    @functools.cached_property
    def _states(self) -> dict[str, str]:
        """What the files were like when this machine left them; nothing of those that another one made."""
        return self._records.get(_states_hash(self._files)) or {}

    def _is_whole(self, files: Mapping[str, Any]) -> bool:
        """Return whether files are as the manifest says; those that nobody has touched need not be read."""
        try:
            touched = [name for name in files if _state(self._folder / name) != self._states.get(name)]
        except OSError:
            return False
        with ThreadPoolExecutor() as threads:
            found = threads.map(describe_file, (self._folder / name for name in touched))
            return list(found) == [files[name] for name in touched]

    def _take(self, files: Mapping[str, Any], part: str, into: Path, taken: Taken) -> bool:
        """Check files, and take over those of a part: a file, or those of a folder."""
        if not self._is_whole(files):
            return False
        for name in (name for name in files if name == part or name.startswith(f"{part}/")):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            _same_file(self._folder / name, into / name)
            taken.files[name] = files[name]
        if part in self._digests:
            taken.digests[part] = self._digests[part]
        return True


def _state(path: Path) -> str:
    """Return what changes whenever a file does, and does not when its folder is renamed."""
    stat = path.stat()
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def _states_hash(files: Mapping[str, Any]) -> str:
    return Hasher().json({"states": files}).hexdigest()


def _same_file(path: Path, other: Path) -> None:
    """Give a file a second place; nobody writes to the files of a graph."""
    try:
        other.hardlink_to(path)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(path, other)


class Reuse:
    """Takes relations over from an earlier graph where nothing that they were made from has changed.

    Args:
        earlier: The folder of the earlier graph; it need not be there.
        folder: The new folder.
        factory: Makes the nodes.

    Attributes:
        taken: What of the new folder was taken over.
    """

    def __init__(self, earlier: Path, folder: Path, factory: NodeFactory) -> None:
        self._records = BuildRecords()
        self._earlier = EarlierGraph(earlier, self._records)
        self._folder = folder
        self._jobs: dict[str, RelationJob] = {}
        self._outputs: dict[str, str] = {}
        self._inputs = Inputs(factory, self._output)
        self._built: list[RelationJob] = []
        self._made_tables: list[str] = []
        self.taken = Taken()

    def take_over(self, job: RelationJob) -> Decision:
        """Take a relation over if that is right, and say why or why not."""
        edge_type = self._earlier.edge_type(job.name)
        if self._earlier.graph is None:
            return Decision(False, self._earlier.problem)
        if edge_type is None:
            return Decision(False, "the earlier graph has no such relation")
        if not is_pure(job.builder):
            return Decision(False, "its code is a user's, who has not said that it reads nothing else (pure)")
        described, files = self._earlier.described(job.name), self._earlier.files(edge_type)
        record = self._records.get(_output_hash(edge_type, described, files))
        if record is None:
            return Decision(False, "this machine does not know what it was made from")
        now = self._known(job)
        changed = [k for k, known in record.items() if (now.get(k) or self._inputs.hash(k)) != known]
        if changed:
            return Decision(False, f"changed: {', '.join(in_words(key) for key in changed)}")
        if not self._earlier.take_edges(edge_type, self._folder, self.taken):
            return Decision(False, "its files in the earlier graph are damaged")
        graph = self._earlier.graph
        encoders = {end: e for (name, end), e in graph.relation_encoders.items() if name == job.name}
        job.take_over(edge_type, described, dict(graph.fitted.get(job.name, {})), encoders)
        job.held_out = graph.held_out.get(job.name)
        self._jobs[job.name] = job
        return Decision(True, "nothing that it is made from has changed")

    def take_table(self, entity: str) -> pd.DataFrame | None:
        """Return the node table of an entity type, taken over; nothing if that is not right."""
        known = self._earlier.table(entity)
        record = self._records.get(_table_hash(entity, known)) if known else None
        if (
            self._earlier.graph is not None
            and record is not None
            and record.items() >= self._table_inputs(entity).items()
            and self._earlier.take_table(entity, self._folder, self.taken)
        ):
            # The same table has the same ids: many relations ask for their hash.
            if (ids := f"ids:{entity}") in record:
                self._inputs.set(ids, record[ids])
            return self._earlier.graph.nodes[entity]
        self._made_tables.append(entity)
        return None

    def _table_inputs(self, entity: str) -> dict[str, str]:
        """Return what the node table of an entity type is made from."""
        keys = ("yaml", f"rows:{entity}")
        return {"code": own_code(), **{key: self._inputs.hash(key) for key in keys}}

    def built(self, job: RelationJob) -> None:
        """Note that a relation was built."""
        self._built.append(job)
        self._jobs[job.name] = job

    def remember(self, progress: Progress) -> None:
        """Keep what tables and relations of the new folder, which is whole, were made from."""
        new = EarlierGraph(self._folder, self._records)
        new.remember_states(progress)
        for entity in self._made_tables:
            ids = f"ids:{entity}"
            inputs = self._table_inputs(entity) | {ids: self._inputs.hash(ids)}
            self._records.put(_table_hash(entity, new.table(entity)), inputs, progress)
        for job in self._built:
            inputs = self._known(job) | {key: self._inputs.hash(key) for key in job.reads}
            described, files = new.described(job.name), new.files(job.edge_type)
            self._records.put(_output_hash(job.edge_type, described, files), inputs, progress)

    def _known(self, job: RelationJob) -> dict[str, str]:
        """Return the inputs that every relation has."""
        how = Hasher().text(job.how).hexdigest()
        return {"how": how, "code": code_hash(job.builder), "yaml": self._inputs.hash("yaml")}

    def _output(self, name: str) -> str:
        """Return the hash of what a relation came out as, for those that are made of it."""
        if name not in self._outputs and name in self._jobs:
            job = self._jobs[name]
            hasher = Hasher().text(repr(job.edge_type))
            # Edges on the shelf are compressed already, whatever the number of targets.
            self._outputs[name] = add_edges(hasher, job.stored, 0).hexdigest()
        return self._outputs.get(name, "")


def _table_hash(entity: str, file: Mapping[str, Any]) -> str:
    return Hasher().json({"table": entity, "file": file}).hexdigest()


def _output_hash(edge_type: EdgeType, described: Mapping[str, Any], files: Mapping[str, Any]) -> str:
    """Return the hash of all that a relation came out as: edges, what it learnt, what is told of it."""
    values = {"type": repr(edge_type), "described": described, "files": files}
    return Hasher().json(values).hexdigest()
