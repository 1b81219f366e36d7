"""Where a training can be followed while it goes on, one file for each place."""

from mmgraph.training.logs.reporter import IN_THE_RUN_FOLDER, Reporter, check_logs, copy_logs, report

__all__ = ["IN_THE_RUN_FOLDER", "Reporter", "check_logs", "copy_logs", "report"]
