"""A log for MLflow."""

from __future__ import annotations

from mmgraph.training.history import Epoch, epoch_row
from mmgraph.training.logs.log import Beginning, Log


class MLflowLog(Log):
    """Makes a run where MLflow keeps them: on the machine, unless ``MLFLOW_TRACKING_URI`` names a server.

    ``MLFLOW_EXPERIMENT_NAME`` says of which experiment. Within a run of the caller's it is a nested one.

    Args:
        beginning: What is known when the training begins.
    """

    def __init__(self, beginning: Beginning) -> None:
        import mlflow

        self._mlflow = mlflow
        mlflow.start_run(run_name=beginning.name, nested=mlflow.active_run() is not None)
        mlflow.log_params(beginning.hyper_parameters())

    def step(self, step: int, loss: float, lr: float) -> None:
        """Log the loss and the learning rate."""
        self._mlflow.log_metrics({"step/loss": loss, "step/lr": lr}, step=step)

    def epoch(self, epoch: Epoch, step: int) -> None:  # noqa: ARG002 - epochs have an axis of their own
        """Log the columns of the history, by the number of the epoch."""
        row = epoch_row(epoch)
        number = int(row.pop("epoch"))
        self._mlflow.log_metrics(row, step=number)

    def close(self, *, failed: bool) -> None:
        """End the run."""
        self._mlflow.end_run(status="FAILED" if failed else "FINISHED")
