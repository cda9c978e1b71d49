"""What operators set up of monitoring."""

from apps.monitoring.admin import deployments, destinations, keeping, metrics, probes, sources

__all__ = ["deployments", "destinations", "keeping", "metrics", "probes", "sources"]
