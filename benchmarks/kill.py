"""Kill trainings at random moments, resume them, and compare the bytes with those of undisturbed ones.

    python benchmarks/kill.py [--quick] [--check] [--json FILE]

100 kills (with --quick 30) by SIGKILL, on the CPU, while a checkpoint is written before every step: half of
them at any moment of a process, half in the middle of writing a checkpoint. A run that came to its end is
compared, file by file, and the next one begun. Processes are forked off one that has imported and compiled
all that they need.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

# One thread, and no GPU: what is forked here must not have had others.
os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import torch
from torch_geometric.data import HeteroData

import mmgraph as mg
from mmgraph.training.checkpoint_file import CheckpointFile

COMMON = ["model.hidden_channels=16", "model.modality_dropout=0.2", "optimiser.schedule=cosine", "device=cpu"]
CASES = {
    "whole graph": [*COMMON, "batch_size=0", "max_epochs=20", "patience=8"],
    "mini-batches": [*COMMON, "batch_size=32", "fanout=[4,3]", "max_epochs=4"],
}
FILES = (
    "model.safetensors",
    "last.safetensors",
    "run.json",
    "config.yaml",
    "metrics.json",
    "history.csv",
    "predictions.parquet",
)
STARTING, WRITING, TRAINING = 0, 1, 2


def main() -> int:
    """Kill, print, and return 1 if bytes differ and ``--check`` was given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="30 kills, under a minute")
    parser.add_argument("--check", action="store_true", help="print each run that differs; exit 1 if any")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--seed", type=int, default=0, help="seeds the moments")
    options = parser.parse_args()
    kills = 30 if options.quick else 100
    with tempfile.TemporaryDirectory() as scratch:
        graph = make_graph()
        cases = [
            _case(name, graph, Path(scratch) / str(number), kills // len(CASES), options.seed)
            for number, name in enumerate(CASES)
        ]
    _print(cases)
    if options.json:
        options.json.write_text(json.dumps({"cases": cases}, indent=2) + "\n", encoding="utf-8")
    missed = [fault for case in cases for fault in case["faults"]]
    if options.check:
        for line in missed:
            print(f"missed: {line}")
    return int(options.check and bool(missed))


def make_graph() -> mg.Graph:
    """Return 200 things with two modalities, one of which half of them lack, and edges among them."""
    generator = torch.Generator().manual_seed(0)
    count = 200
    data = HeteroData()
    data["thing"].y = torch.randint(3, (count,), generator=generator)
    for name in ("text", "image"):
        data["thing"][name] = torch.randn(count, 8, generator=generator) + data["thing"].y[:, None]
    data["thing"].image_mask = torch.rand(count, generator=generator) < 0.5
    part = torch.randint(4, (count,), generator=generator)
    data["thing"].train_mask, data["thing"].val_mask, data["thing"].test_mask = part < 2, part == 2, part == 3
    data["thing", "beside", "thing"].edge_index = torch.randint(count, (2, 4 * count), generator=generator)
    return mg.from_hetero_data(data, modalities={"thing": ["text", "image"]})


def _case(name: str, graph: mg.Graph, folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Return how many kills a training took, where they met it, and what was wrong with what came of it."""
    print(f"{name} ...", file=sys.stderr)
    settings = CASES[name]
    train = {"task": "thing", "overrides": [*settings, "checkpoint_seconds=0"]}
    mg.train(graph, out=folder / "warm", **train)
    start = time.perf_counter()
    mg.train(graph, out=folder / "whole", **train)
    seconds = time.perf_counter() - start
    wanted = {file: (folder / "whole" / file).read_bytes() for file in FILES}

    moments = random.Random(seed)
    phase = mmap.mmap(-1, 1)
    met: Counter[str] = Counter()
    faults, runs = [], 0
    while met.total() < kills:
        out = folder / f"run-{runs}"
        process = os.fork()
        if not process:
            _child(graph, out, train, phase)
        # Where one goes on there is less to do, so that a whole undisturbed run would end too often.
        time.sleep(moments.uniform(0, 0.6 * seconds))
        if met.total() % 2:
            _await_writing(process, phase, moments)
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            met[_where(phase, out)] += 1
        elif status:
            raise SystemExit("a training failed by itself")
        else:
            faults += _faults(name, out, wanted)
            runs += 1
    out = folder / f"run-{runs}"
    mg.train(graph, out=out, resume=True, **train)
    faults += _faults(name, out, wanted)
    return {
        "case": name,
        "kills": kills,
        "met": dict(met),
        "runs": runs + 1,
        "seconds": seconds,
        "faults": faults,
    }


def _child(graph: mg.Graph, out: Path, train: dict[str, Any], phase: mmap.mmap) -> None:
    """Train, and tell the other process when a checkpoint is being written; never returns."""
    phase[0] = STARTING
    save = CheckpointFile.save_checkpoint

    def telling(self: CheckpointFile, *arguments: Any, **options: Any) -> None:
        phase[0] = WRITING
        save(self, *arguments, **options)
        phase[0] = TRAINING

    CheckpointFile.save_checkpoint = telling
    code = 1
    try:
        mg.train(graph, out=out, resume=True, **train)
        code = 0
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


def _await_writing(process: int, phase: mmap.mmap, moments: random.Random) -> None:
    """Return in the middle of the writing of a checkpoint, or when the process has ended."""
    while phase[0] != WRITING:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.0001)
    time.sleep(moments.uniform(0, 0.002))


def _where(phase: mmap.mmap, out: Path) -> str:
    if phase[0] == WRITING:
        return "writing a checkpoint"
    if out.exists():
        return "clearing up"
    if phase[0] == STARTING:
        return "starting"
    return "writing the run" if any(out.parent.glob(f"{out.name}.unfinished/.*.new-*")) else "training"


def _faults(name: str, out: Path, wanted: dict[str, bytes]) -> list[str]:
    """Return what is wrong with a run that a process has left as done."""
    if not out.exists():
        return [f"{name}: {out.name} was never written"]
    return [f"{name}: {file} differs" for file in FILES if (out / file).read_bytes() != wanted[file]]


def _print(cases: list[dict[str, Any]]) -> None:
    places = ("starting", "training", "writing a checkpoint", "writing the run", "clearing up")
    print(f"{'':14s}{'kills':>7s}{'runs':>6s}{'differ':>8s}  " + "  ".join(places))
    for case in cases:
        counts = "  ".join(f"{case['met'].get(place, 0):{len(place)}d}" for place in places)
        print(f"{case['case']:14s}{case['kills']:7d}{case['runs']:6d}{len(case['faults']):8d}  {counts}")


if __name__ == "__main__":
    start = time.perf_counter()
    code = main()
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    raise SystemExit(code)
