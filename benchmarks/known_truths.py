"""Data sets whose truth is known: the graph carries the class of a thing, or its features, or two together.

Things have two modalities, ``sound`` and ``sight``, and are ``at`` a place, which has a modality of its own,
and ``meet`` other things. Each case says what of all that tells the class; everything else is noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

NUM_THINGS, NUM_PLACES, WIDTH = 240, 24, 6

SHORT = (
    "max_epochs=15",
    "patience=15",
    "model.hidden_channels=16",
    "model.dropout=0.2",
    "model.input_dropout=0.1",
    "optimiser.lr=0.06",
    "device=cpu",
    "report_to=none",
)
"""Settings by which a training on so few things takes seconds."""


@dataclass(frozen=True)
class Truth:
    """What tells the class of a thing.

    Args:
        at: The share of things that are at a place of their own class; the others are anywhere.
        sound: How far the sounds of the two classes lie apart, in standard deviations.
        sight: The same of what is seen.
        crossed: Whether the class is told by both together: it is 1 where sound and sight disagree.
        helps: The answer to "does the graph help?" that is right.
        missed: The relations and modalities that are missed when they are left out.
        superfluous: Those that are not. Of others neither is known: two modalities that tell the same are
            each missed a little, and places are told apart without their view too, by how many are there.
        epochs: How long it takes to learn that.
    """

    at: float
    sound: float
    sight: float
    crossed: bool
    helps: str
    missed: frozenset[str]
    superfluous: frozenset[str]
    epochs: int = 15


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRUTHS = {
    "graph carries all": Truth(0.95, 0.0, 0.0, False, "yes", _names("at"), _names("meets sound sight")),
    "graph carries some": Truth(0.95, 1.0, 0.0, False, "yes", _names("at"), _names("meets sight")),
    "graph carries nothing": Truth(0.0, 1.2, 1.2, False, "no", _names(""), _names("at meets")),
    "one modality": Truth(0.0, 3.0, 0.0, False, "no", _names("sound"), _names("at meets sight")),
    "both modalities together": Truth(
        0.0, 5.0, 5.0, True, "no", _names("sound sight"), _names("at meets"), 40
    ),
}


def write_truth(folder: Path, truth: Truth, seed: int) -> Path:
    """Write a data set in which a truth holds, and return its folder.

    Args:
        folder: A folder that is not there yet.
        truth: What tells the class.
        seed: The seed of everything in it.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    heard, seen = rng.integers(2, size=(2, NUM_THINGS))
    kind = (heard ^ seen) if truth.crossed else heard
    shown = seen if truth.crossed else heard
    np.save(folder / "sound.npy", _vectors(rng, heard, truth.sound))
    np.save(folder / "sight.npy", _vectors(rng, shown, truth.sight))
    place_kind = np.arange(NUM_PLACES) % 2
    np.save(folder / "view.npy", _vectors(rng, place_kind, 6.0))
    own = rng.random(NUM_THINGS) < truth.at
    anywhere = rng.integers(NUM_PLACES, size=NUM_THINGS)
    of_kind = 2 * rng.integers(NUM_PLACES // 2, size=NUM_THINGS) + kind
    things = [f"t{i}" for i in range(NUM_THINGS)]
    table = {"id": things, "kind": np.array(["low", "high"])[kind]}
    pd.DataFrame(table).to_csv(folder / "things.csv", index=False)
    pd.DataFrame({"id": [f"p{i}" for i in range(NUM_PLACES)]}).to_csv(folder / "places.csv", index=False)
    at = {"source": things, "target": [f"p{i}" for i in np.where(own, of_kind, anywhere)]}
    pd.DataFrame(at).to_csv(folder / "at.csv", index=False)
    ends = rng.integers(NUM_THINGS, size=(3 * NUM_THINGS, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    meets = pd.DataFrame([(f"t{a}", f"t{b}") for a, b in ends], columns=["source", "target"])
    meets.drop_duplicates().to_csv(folder / "meets.csv", index=False)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(_spec()), encoding="utf-8")
    return folder


def _vectors(rng: np.random.Generator, kind: np.ndarray, apart: float) -> np.ndarray:
    """Return vectors of two kinds whose means lie so many standard deviations apart, float32 [N, WIDTH]."""
    direction = rng.normal(size=WIDTH)
    direction *= apart / np.linalg.norm(direction)
    noise = rng.normal(size=(len(kind), WIDTH))
    return (noise + (kind - 0.5)[:, None] * direction).astype(np.float32)


def _spec() -> dict[str, object]:
    def features(name: str) -> dict[str, str]:
        return {"kind": "features", "file": f"{name}.npy"}

    fractions = {"train": 0.5, "validation": 0.2, "test": 0.3}
    return {
        "name": "known_truth",
        "entities": {
            "thing": {
                "table": "things.csv",
                "modalities": {"sound": features("sound"), "sight": features("sight")},
            },
            "place": {"table": "places.csv", "modalities": {"view": features("view")}},
        },
        "relations": {
            "at": {"builder": "table", "table": "at.csv", "source": "thing", "target": "place"},
            "meets": {"builder": "table", "table": "meets.csv", "source": "thing", "target": "thing"},
        },
        "splits": {
            "parts": {"kind": "stratified", "entity": "thing", "by": "kind", "fractions": fractions},
        },
        "tasks": {"kind": {"entity": "thing", "target": "kind", "split": "parts"}},
    }
