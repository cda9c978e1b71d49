"""Transactions that waited for one another for too long: the server ended ours."""

from collections.abc import Callable
from typing import Final, TypeVar

from django.db import OperationalError, transaction

T = TypeVar("T")

# deadlock_detected, serialization_failure, lock_not_available
_CODES: Final = ("40P01", "40001", "55P03")
_TRIES: Final = 3


def collided(error: Exception) -> bool:
    """Whether the same again, at once, is likely to succeed. The line to the server is sound."""
    return getattr(error.__cause__, "sqlstate", None) in _CODES


def surely(act: Callable[[], T]) -> T:
    """Do it in a transaction of its own, at most three times where it collides with another.

    For what people ask for: evaluations and routers lock the same rows in an order of their own.
    Inside a transaction of the caller only what `act` did is undone and done again.
    """
    for _try in range(_TRIES - 1):
        try:
            with transaction.atomic():
                return act()
        except OperationalError as error:
            if not collided(error):
                raise
    with transaction.atomic():
        return act()
