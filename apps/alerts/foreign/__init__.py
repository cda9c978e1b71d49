"""Alerts that other systems send: read (`told`, `mapping`), joined with what was told before
(`merging`), kept as episodes (`intake`); `sources` knows who sends what, `alertmanager` answers as
Prometheus' Alertmanager would."""
