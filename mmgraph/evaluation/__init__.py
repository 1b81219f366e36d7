"""Compare models, controls, report."""
