"""The verbs of the alert engine."""
