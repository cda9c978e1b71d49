"""Every detector there is: importing this package registers them."""

from apps.monitoring.bottlenecks.detectors import (
    between,
    calls,
    locks,
    patterns,
    repeats,
    slow,
    waits,
)

__all__ = ["between", "calls", "locks", "patterns", "repeats", "slow", "waits"]
