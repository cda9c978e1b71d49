"""Transactions that waited for one another for too long: the server ended ours."""

from typing import Final

# deadlock_detected, serialization_failure, lock_not_available
_CODES: Final = ("40P01", "40001", "55P03")


def collided(error: Exception) -> bool:
    """Whether the same again, at once, is likely to succeed. The line to the server is sound."""
    return getattr(error.__cause__, "sqlstate", None) in _CODES
