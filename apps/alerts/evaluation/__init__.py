"""Judging rules: read the figure, advance the state machine, commit all that follows at once."""

from apps.alerts.evaluation.engine import Summary, evaluate_due, evaluate_early, evaluate_rule

__all__ = ["Summary", "evaluate_due", "evaluate_early", "evaluate_rule"]
