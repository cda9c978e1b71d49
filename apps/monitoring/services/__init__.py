"""The verbs of monitoring."""
