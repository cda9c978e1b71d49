"""What a list reads from: a queryset with a unique order, or a function that reads after a key."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.db.models import F, Model, Q, QuerySet, Value
from django.db.models.expressions import Func

from apps.core.api.cursors import Key

Row = TypeVar("Row")
M = TypeVar("M", bound=Model)


class Source(Protocol[Row]):
    """Rows in an order in which every row has a key of its own."""

    @property
    def deepest(self) -> int:
        """How deep `page` may go, in rows."""

    def after(self, key: Key | None, limit: int) -> list[Row]:
        """Up to `limit` rows after the one with this key; from the first for None."""

    def at(self, offset: int, limit: int) -> list[Row]:
        """Up to `limit` rows from this place on."""

    def key(self, row: Row) -> Key:
        """The key of a row."""

    def count(self, most: int) -> int | None:
        """How many rows there are, at most `most`; None where that cannot be told."""

    def estimate(self) -> int | None:
        """About how many rows there are; None where that cannot be told."""


@dataclass(frozen=True)
class Reader(Generic[Row]):
    """Rows of a plain function: `read(after_key, limit)`, `key_of(row)`."""

    read: Callable[[Key | None, int], Sequence[Row]]
    key_of: Callable[[Row], Key]
    # All rows before a page are read to find it.
    deepest: int = 1_000

    def after(self, key: Key | None, limit: int) -> list[Row]:
        """Up to `limit` rows after the one with this key; from the first for None."""
        return list(self.read(key, limit))

    def at(self, offset: int, limit: int) -> list[Row]:
        """Up to `limit` rows from this place on."""
        return list(self.read(None, offset + limit))[offset:]

    def key(self, row: Row) -> Key:
        """The key of a row."""
        return self.key_of(row)

    def count(self, most: int) -> int | None:  # noqa: ARG002
        """Unknown: such lists are searches, and counting them is reading them."""
        return None

    def estimate(self) -> int | None:
        """Unknown."""
        return None


class Rows(Generic[M]):
    """Rows of a queryset, ordered by `order`: names as in `order_by`, the last of them unique.

    Raises ImproperlyConfigured for an order with ties, or by a column that may be null: a row
    whose place is unknown would be lost between pages.
    """

    deepest: int = 10_000

    def __init__(self, queryset: "QuerySet[M, Any]", order: Sequence[str]) -> None:
        self.order: Final = [(name.lstrip("-"), name.startswith("-")) for name in order]
        known = frozenset(queryset.query.annotations)
        _check(queryset.model, tuple(name for name, _ in self.order), known)
        self._rows = queryset.order_by(*order)

    def after(self, key: Key | None, limit: int) -> list[Any]:
        """Up to `limit` rows after the one with this key; from the first for None."""
        rows = self._rows if key is None else self._rows.filter(self._beyond(key))
        return list(rows[:limit])

    def at(self, offset: int, limit: int) -> list[Any]:
        """Up to `limit` rows from this place on."""
        return list(self._rows[offset : offset + limit])

    def key(self, row: Any) -> Key:
        """The key of a row. Raises ImproperlyConfigured where a part of it is null."""
        found = tuple(_value(row, name) for name, _ in self.order)
        if None in found:
            raise ImproperlyConfigured("A list is ordered by something that is null.")
        return found

    def count(self, most: int) -> int:
        """How many rows there are, at most `most`."""
        return self._rows.order_by()[:most].count()

    def estimate(self) -> int | None:
        """What PostgreSQL's planner expects, filters and all: as good as its statistics."""
        plan = orjson.loads(self._rows.order_by().explain(format="json"))
        return int(plan[0]["Plan"]["Plan Rows"])

    def _beyond(self, key: Key) -> Q | Func:
        if len(key) != len(self.order):
            raise ImproperlyConfigured("The order of a list has changed its length.")
        names = [name for name, _ in self.order]
        if len({descending for _, descending in self.order}) == 1:
            return _row_comparison(names, key, "<" if self.order[0][1] else ">")
        # (a beyond) or (a equal and b beyond) or …, and a bound on the first that an index takes.
        beyond = Q()
        for place, (name, descending) in enumerate(self.order):
            equal = Q(**dict(zip(names[:place], key[:place], strict=True)))
            beyond |= equal & Q(**{f"{name}__{'lt' if descending else 'gt'}": key[place]})
        first, descending = self.order[0]
        return Q(**{f"{first}__{'lte' if descending else 'gte'}": key[0]}) & beyond


class _RowComparison(Func):
    """`(a, b) < (x, y)`, which PostgreSQL answers from an index on (a, b)."""

    conditional = True
    output_field = models.BooleanField()

    def as_sql(  # type: ignore[override]
        self,
        compiler: Any,
        connection: Any,  # noqa: ARG002 (Django's signature)
        **context: Any,  # noqa: ARG002
    ) -> tuple[str, tuple[Any, ...]]:
        """A comparison of rows, its two halves of equal length."""
        sides = [compiler.compile(part) for part in self.get_source_expressions()]
        half = len(sides) // 2
        left = ", ".join(sql for sql, _ in sides[:half])
        right = ", ".join(sql for sql, _ in sides[half:])
        values = [value for _, given in sides for value in given]
        return f"({left}) {self.extra['operator']} ({right})", tuple(values)


def _row_comparison(names: Sequence[str], key: Key, operator: str) -> Func:
    values = [Value(value) for value in key]
    return _RowComparison(*[F(name) for name in names], *values, operator=operator)


def _value(row: Any, name: str) -> Any:
    if isinstance(row, dict):
        return row[name]
    for part in name.split("__"):
        row = getattr(row, part)
    return row


@functools.lru_cache(maxsize=1024)
def _check(model: Any, names: tuple[str, ...], annotations: frozenset[str]) -> None:
    fields = [None if name in annotations else _field(model, name) for name in names]
    nullable = [n for n, f in zip(names, fields, strict=True) if f is not None and f.null]
    if nullable:
        raise ImproperlyConfigured(
            f"A list cannot be ordered by {', '.join(nullable)}, which may be null: "
            "annotate the queryset with Coalesce and order by that."
        )
    last = fields[-1] if fields else None
    if last is None or not last.unique or "__" in names[-1]:
        raise ImproperlyConfigured("The order of a list ends with a unique column, such as pk.")


def _field(model: Any, name: str) -> Any:
    """The field behind a name."""
    found: Any = None
    for part in name.split("__"):
        if model is None:
            raise ImproperlyConfigured(f"There is no {name!r} to order a list by.")
        try:
            found = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            raise ImproperlyConfigured(f"There is no {name!r} to order a list by.") from None
        model = getattr(found, "related_model", None)
    return found
