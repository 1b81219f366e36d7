"""Temperature scaling of a run, kept with its weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mmgraph.atomic import atomic_folder
from mmgraph.errors import ConfigError
from mmgraph.evaluation.one_task import one_task
from mmgraph.evaluation.robustness.calibration import temperature_of
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.tasks import Classification
from mmgraph.training.run import Run
from mmgraph.training.run_folder import MARKER, write_best

_NOTE = "probabilities are at the temperature"


def calibrate(run: Run, *, task: str | None = None) -> float:
    """Fit the temperature of a classification on validation, and keep it with the run.

    From then on all probabilities of the run are at that temperature: of ``predictions``, ``mmgraph predict``
    and what is exported. Which class is predicted stays the same. If the run is on disk, its folder is
    written anew, whole: ``model.safetensors``, ``predictions.parquet`` and the notes of ``run.json``.

    Args:
        run: A run of a classification, or of several tasks with one among them.
        task: Of several tasks that it was trained on, the one that is meant.

    Returns:
        The temperature: above 1 where the model was too sure of itself.

    Raises:
        ConfigError: If its task is no classification, or validation tells no temperature.
        GraphError: If no entity of validation has a class.

    Example:
        >>> calibrate(mmgraph.load_run("run"))  # doctest: +SKIP
        1.37
    """
    one = one_task(run, task, doing="--calibrate", wanted="a classification").task
    if not isinstance(one, Classification):
        raise ConfigError(
            f"the task {one.labels.task!r} is {one.labels.kind}; wanted a classification",
            where="--calibrate",
            fix="Leave it out.",
        )
    subject = Subject.of(run, "validation", task=task, doing="--calibrate")
    temperature = temperature_of(subject)
    if temperature is None:
        raise ConfigError(
            "validation tells no temperature: all of its entities are answered rightly by far, or none has a "
            "class that was learnt, or the scores tell nothing",
            where="--calibrate",
            fix="Leave it out, or train on a split with more validation entities.",
        )
    subject.head.temperature.fill_(temperature)  # type: ignore[operator]
    about = _NOTE if run.task is one else f"{one.labels.task}: {_NOTE}"
    note = f"{about} {temperature:.4g}, fitted on validation"
    run.module.notes = [*(n for n in run.module.notes if not n.startswith(about)), note]
    if run.folder is not None:
        _keep(run, run.folder)
    return temperature


def _keep(run: Run, folder: Path) -> None:
    with atomic_folder(folder, marker=MARKER, overwrite=True) as new:
        shutil.copytree(folder, new, dirs_exist_ok=True)
        write_best(run, new)
        run.predictions().to_parquet(new / "predictions.parquet", index=False)
        record = json.loads((new / MARKER).read_text(encoding="utf-8"))
        record["notes"] = run.module.notes
        content = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (new / MARKER).write_text(content, encoding="utf-8")
