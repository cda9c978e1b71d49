"""What operators set up of monitoring."""

from apps.monitoring.admin import destinations, probes

__all__ = ["destinations", "probes"]
