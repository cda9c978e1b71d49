"""Committed telemetry on its way to other systems. Observing never harms intake: see `switchboard`."""
