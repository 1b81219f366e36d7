"""What to learn: targets, losses, metrics, heads."""
