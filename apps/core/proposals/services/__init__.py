"""The verbs of people and detectors."""
