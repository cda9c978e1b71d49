"""Counting that ends: beyond a limit the number is said to be more than that."""

from typing import Any

from django.db.models import QuerySet


class Counted(int):
    """How many there are, or how many at least; that is written `10,000+`, by templates too."""

    more: bool

    def __new__(cls, number: int, *, most: int) -> "Counted":
        """`number`, at most `most`; what was counted one beyond is "more"."""
        made = super().__new__(cls, min(number, most))
        made.more = number > most
        return made

    def __str__(self) -> str:
        return f"{int(self):,}+" if self.more else int.__str__(self)


def counted(rows: "QuerySet[Any, Any]", most: int) -> Counted:
    """How many rows there are, at most `most`: costs no more than that many, however many match."""
    return Counted(rows.order_by()[: most + 1].count(), most=most)
