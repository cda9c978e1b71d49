"""The state of this process and of what it depends on, checked in the background.

Reading never waits for a dependency: it returns the last results and their ages.
"""

from apps.core.health.registry import describe, register

__all__ = ["describe", "register"]
