"""How a list goes on: without a script by a link, with one from the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from apps.core.timerange import TimeRange
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.position import Place
from portal.evidence import filters

# As many as the API gives at a time.
_PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """The addresses around one page of a list; "" where there is none.

    `source` is the API's address for the rows that follow, `export` for all of them. `searched_to`
    is set when time ran out: what is older was not looked at yet.
    """

    older: str
    source: str
    export: str
    plain: str
    searched_to: datetime | None


def after(request: HttpRequest, spot: Any = Place) -> Any:
    """The place a page goes on after, of the list's kind. Raises InvalidInputError."""
    text = request.GET.get("after", "")
    return spot.parse(text) if text else None


def listed(query: QueryDict, found: Found[Any], time_range: TimeRange, api: str) -> Listed:
    """Addresses with the range spelled out: "the last hour" must not move between two pages."""
    fixed = {"from": time_range.start.isoformat(), "to": time_range.end.isoformat()}
    asked = [
        (name, value) for name, values in filters.filled(query).lists()
        if name not in fixed for value in values
    ]  # fmt: skip
    export = f"{api}?{urlencode([*asked, *fixed.items()])}"
    plain = "" if query.get("plain") == "1" else "1"
    return Listed(
        older=filters.address(query, **fixed, after=found.next.id) if found.next else "",
        source=f"{export}&page_size={_PAGE_SIZE}&after={found.next.id}" if found.next else "",
        export=export,
        plain=filters.address(query, plain=plain),
        searched_to=found.reached if found.partial else None,
    )
