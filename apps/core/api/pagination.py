"""One page of a list: by number near its start, by cursor at any depth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.core.api import cursors
from apps.core.api.cursors import Key
from apps.core.api.sources import Source
from apps.core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Wish:
    """Which page a caller wants. `page` is None after a cursor."""

    page: int | None
    size: int
    after: Key | None
    total: str | None
    bound_to: bytes
    count_rows: int

    @classmethod
    def of(cls, asked: Mapping[str, Any], bound_to: bytes, count_rows: int) -> "Wish":
        """From the validated query. Raises InvalidInputError for a cursor that is not ours."""
        cursor, page = asked.get("cursor"), asked.get("page")
        if cursor is not None and page is not None:
            raise InvalidInputError("Give `page` or `cursor`, not both.", {"parameter": "cursor"})
        key = None if cursor is None else cursors.unseal(cursor, bound_to)
        number = None if key is not None else page or 1
        return cls(number, asked["page_size"], key, asked.get("total"), bound_to, count_rows)

    def seal(self, key: Key) -> str:
        """The cursor after the row with this key."""
        return cursors.seal(key, self.bound_to)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, and what is known of the list around them."""

    rows: list[Any]
    number: int | None
    size: int
    next_cursor: str | None
    total: int | None
    total_is: str | None

    def about(self) -> dict[str, Any]:
        """Everything but the rows, as the API tells it."""
        return {
            "page": self.number,
            "page_size": self.size,
            "has_more": self.next_cursor is not None,
            "next_cursor": self.next_cursor,
            "total": self.total,
            "total_is": self.total_is,
        }


def page_of(source: Source[Any], wish: Wish) -> Page:
    """Reads one row more than the page holds, which tells whether there is a next one.

    Raises InvalidInputError for a page too deep to be counted out.
    """
    if wish.page is None:
        found = source.after(wish.after, wish.size + 1)
    else:
        found = _numbered(source, wish.page, wish.size)
    shown = found[: wish.size]
    more = wish.seal(source.key(shown[-1])) if len(found) > wish.size else None
    total, kind = _total(source, wish)
    return Page(shown, wish.page, wish.size, more, total, kind)


def _numbered(source: Source[Any], page: int, size: int) -> list[Any]:
    offset = (page - 1) * size
    if offset + size > source.deepest:
        raise InvalidInputError(
            f"Page {page} is too deep: pages reach {source.deepest} rows. "
            "Walk on with `cursor`, the `next_cursor` of the page before.",
            {"parameter": "page"},
        )
    return source.at(offset, size + 1) if offset else source.after(None, size + 1)


def _total(source: Source[Any], wish: Wish) -> tuple[int | None, str | None]:
    if wish.total is None:
        return None, None
    if wish.total == "estimate":
        found = source.estimate()
        return found, None if found is None else "estimate"
    counted = source.count(wish.count_rows + 1)
    if counted is not None and counted > wish.count_rows:
        return wish.count_rows, "at_least"
    return counted, None if counted is None else "exact"
