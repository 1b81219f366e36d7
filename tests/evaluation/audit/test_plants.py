"""Every check finds what is planted for it, in a graph that has nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmgraph.evaluation.audit.audit import audit
from mmgraph.evaluation.audit.checks import checks_on
from mmgraph.evaluation.audit.report import SEVERITIES

Planted = dict[str, Any]
"""What to tell the audit."""

Plant = Callable[[Any, Path], Planted]


def held_out_edges(parts: Any, folder: Path) -> Planted:
    parts.put_back = 3
    return {}


def encoder_fit(parts: Any, folder: Path) -> Planted:
    values = parts.features["picture"]
    parts.features["picture"] = (values - values.mean(axis=0)) / values.std(axis=0)
    return {}


def straddling_groups(parts: Any, folder: Path) -> Planted:
    parts.pairs["said_by"] = np.stack([np.arange(parts.count), np.arange(parts.count) // 4 * 4])
    return {"groups": ["said_by"]}


def copied_entities(parts: Any, folder: Path) -> Planted:
    for one, other in zip(parts.held_out[:5], parts.train[:5], strict=True):
        for name in ("picture", "words", "facts"):
            mine, others = parts.at(name, np.array([one])), parts.at(name, np.array([other]))
            if len(mine) and len(others):
                parts.features[name][mine] = parts.features[name][others]
                parts.previews[name][mine[0]] = parts.previews[name][others[0]]
    return {}


def same_content(parts: Any, folder: Path) -> Planted:
    sources, copies = parts.at("words", parts.train)[:4], parts.at("words", parts.held_out)[:4]
    for one, other in zip(copies, sources, strict=True):
        parts.previews["words"][other] = f"a sentence of more than {other} words"
        parts.previews["words"][one] = f"A sentence  of more than {other} words"
    return {}


def near_duplicates(parts: Any, folder: Path) -> Planted:
    sources, copies = parts.at("picture", parts.train)[:4], parts.at("picture", parts.held_out)[:4]
    noise = 0.02 * parts.rng.normal(size=(4, 12))
    parts.features["picture"][copies] = parts.features["picture"][sources] + noise
    return {}


def future_edges(parts: Any, folder: Path) -> Planted:
    by_time = {"kind": "time", "entity": "thing", "column": "day"}
    parts.manifest["dataset"] = {"spec": {"splits": {"parts": by_time}}}
    return {}


def label_edges(parts: Any, folder: Path) -> Planted:
    one = np.repeat(np.arange(parts.count), 4)
    other = np.array([parts.rng.choice(np.flatnonzero(parts.target == k)) for k in parts.target[one]])
    parts.pairs["follows"] = np.stack([one, other])
    return {}


def purer_when_held_out(parts: Any, folder: Path) -> Planted:
    one, other = parts.pairs["follows"]
    touched = np.isin(one, parts.held_out) | np.isin(other, parts.held_out)
    same = np.array([parts.rng.choice(np.flatnonzero(parts.target == k)) for k in parts.target[one]])
    parts.pairs["follows"] = np.stack(
        [one, np.where(touched & (parts.rng.random(len(one)) < 0.8), same, other)]
    )
    return {}


def telling_relation(parts: Any, folder: Path) -> Planted:
    # Makers that make things of one kind alone.
    parts.pairs["made_by"][1] = parts.target + 3 * parts.rng.integers(10, size=parts.count)
    return {}


def telling_degree(parts: Any, folder: Path) -> Planted:
    # The first class has makers; the others have none.
    first = np.flatnonzero(parts.target == 0)
    parts.target = np.minimum(parts.target, 1)
    parts.pairs["made_by"] = np.stack([first, parts.rng.integers(40, size=len(first))])
    return {}


def telling_modality(parts: Any, folder: Path) -> Planted:
    parts.features["picture"][:, 5] = parts.target[parts.rows["picture"]] + 0.1 * parts.rng.normal(
        size=len(parts.rows["picture"])
    )
    return {}


def telling_absence(parts: Any, folder: Path) -> Planted:
    parts.target = np.minimum(parts.target, 1)
    rows = np.flatnonzero(parts.target == 1)
    parts.rows["picture"] = rows
    parts.features["picture"] = parts.rng.normal(size=(len(rows), 12))
    parts.previews["picture"] = [parts.rng.bytes(20) for _ in rows]
    return {}


def telling_column(parts: Any, folder: Path) -> Planted:
    parts.ids = [f"t{n}" for n in range(parts.count)]
    codes = np.where(parts.rng.random(parts.count) < 0.99, parts.target, 0)
    return {"dataset": parts.dataset(folder, {"code": [f"c{code}" for code in codes]})}


def label_in_text(parts: Any, folder: Path) -> Planted:
    parts.names = {0: "toy", 1: "garden tool", 2: "book"}
    for place, row in enumerate(parts.rows["words"]):
        if parts.rng.random() < 0.3:
            parts.previews["words"][place] += f" a fine {parts.names[int(parts.target[row])].upper()}!"
    return {}


def row_order(parts: Any, folder: Path) -> Planted:
    order = np.argsort(parts.target, kind="stable")
    new_place = np.argsort(order)
    parts.target, parts.split = parts.target[order], parts.split[order]
    for name, rows in parts.rows.items():
        moved = np.argsort(new_place[rows])
        parts.rows[name] = new_place[rows][moved]
        parts.features[name] = parts.features[name][moved]
        parts.previews[name] = [parts.previews[name][place] for place in moved]
    parts.pairs = {
        name: np.stack([new_place[one], other if name == "made_by" else new_place[other]])
        for name, (one, other) in parts.pairs.items()
    }
    return {}


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        held_out_edges,
        encoder_fit,
        straddling_groups,
        copied_entities,
        same_content,
        near_duplicates,
        future_edges,
        label_edges,
        purer_when_held_out,
        telling_relation,
        telling_degree,
        telling_modality,
        telling_absence,
        telling_column,
        label_in_text,
        row_order,
    )
}

# A leak may well show in more than one way.
ALSO = {
    "copied_entities": {"same_content"},
    "label_edges": {"telling_relation"},
    "telling_relation": {"telling_modality"},
    "straddling_groups": set(),
    "future_edges": set(),
}


def test_every_check_has_a_plant() -> None:
    assert [check.name for check in checks_on("targets")] == list(PLANTS)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", PLANTS)
def test_what_is_planted_is_found_and_nothing_else(
    name: str, seed: int, parts: Callable[..., Any], tmp_path: Path
) -> None:
    spoilt = parts(seed, count=500)
    arguments = PLANTS[name](spoilt, tmp_path)
    report = audit(spoilt.graph(), task="kind", **arguments)
    found = {check for check, _ in report.findings}
    assert name in found
    assert found <= {name} | ALSO.get(name, set()), str(report)
    for check, finding in report.findings:
        assert finding.severity in SEVERITIES
        assert 0 < finding.count <= finding.of
        assert finding.what.endswith(".")
        assert finding.fix.endswith(".")
        assert finding.where in str(report)
        assert check in str(report)
