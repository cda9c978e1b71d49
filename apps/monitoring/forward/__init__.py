"""Committed telemetry on its way to other systems; `switchboard` says how intake stays unharmed."""
