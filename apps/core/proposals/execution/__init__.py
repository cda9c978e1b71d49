"""What the worker does with approved proposals. Rows decide; beat and the broker only wake it."""

from apps.core.proposals.execution.run import run_due

__all__ = ["run_due"]
