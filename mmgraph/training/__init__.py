"""Training loop, checkpoints, the run folder."""
