"""A list whose rows come from a search that may run out of time."""

from abc import abstractmethod
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.cursors import Key
from apps.core.api.pagination import Wish
from apps.core.api.sources import Reader
from apps.core.api.views import ListEndpoint
from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.api import ranges
from apps.monitoring.queries.found import Found, Spot
from apps.monitoring.queries.position import TICK, Place

Searched = Found[Any]


class SearchedSerializer(serializers.Serializer[Any]):
    """How far a search came."""

    searched_to = serializers.DateTimeField(
        allow_null=True, help_text="What is older was not looked at yet; null for `page` 2 and on."
    )

    def get_fields(self) -> dict[str, Any]:
        """`partial` is a word of DRF's."""
        told = "Whether time ran out before the page was full or the range at its end."
        return {"partial": serializers.BooleanField(help_text=told), **super().get_fields()}


class SearchEndpoint(ListEndpoint):
    """Newest rows first, by cursor; `partial` says that time ran out before the end.

    A cursor also holds the start of the range: "the last hour" would otherwise lose at its far end
    what grew older while the first pages were read.
    """

    extra = SearchedSerializer
    # What a row's place is; the search's own rows carry the same.
    spot: ClassVar[Any] = Place

    @abstractmethod
    def search(
        self, asked: dict[str, Any], time_range: TimeRange, after: Any, limit: int
    ) -> Searched:
        """The first rows of the range, or those that lie before `after`."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """One page, or an export of all."""
        if request.accepted_renderer.format != "json":
            return super().get(request, *args, **kwargs)
        asked = self.asked(request)
        wish = Wish.of(asked, self._bound_to(request), self.count_rows)
        if wish.page not in (None, 1):
            return super().get(request, *args, **kwargs)
        time_range, after = self._where(asked, wish.after)
        found = self.search(asked, time_range, after, wish.size)
        return self._page(wish, found, time_range)

    def _page(self, wish: Wish, found: Searched, time_range: TimeRange) -> HttpResponse:
        onward = found.next
        return self.reply(
            {
                "items": [self.show(row) for row in found.rows],
                "page": wish.page,
                "page_size": wish.size,
                "has_more": onward is not None,
                "next_cursor": wish.seal(_key(onward, time_range.start)) if onward else None,
                "total": None,
                "total_is": None,
                "partial": found.partial,
                "searched_to": found.reached,
            }
        )

    def besides(self) -> dict[str, Any]:
        """By number, a page that is not whole is refused (`rows`)."""
        return {"partial": False, "searched_to": None}

    def rows(self, request: Request, asked: dict[str, Any]) -> Reader[Any]:  # noqa: ARG002
        """For exports and for pages by number; those raise UnavailableError where time runs out.

        A part of a search would look like the whole of it there.
        """
        time_range = ranges.time_range(asked)

        def read(key: Key | None, limit: int) -> list[Any]:
            where, after = self._where(asked, key, time_range)
            found = self.search(asked, where, after, limit)
            if found.partial:
                raise UnavailableError(_("This search takes too long: narrow the range."))
            return found.rows

        return Reader(read, lambda row: _key(row.place, time_range.start))

    def _where(
        self, asked: dict[str, Any], key: Key | None, time_range: TimeRange | None = None
    ) -> tuple[TimeRange, Any]:
        if key is None:
            after = self.spot.parse(asked["after"]) if asked.get("after") else None
            return time_range or ranges.time_range(asked), after
        *place, since = key
        # The moment itself is still searched: others share it.
        return TimeRange(since, place[0] + TICK), self.spot(*place)


def _key(place: Spot, since: datetime) -> Key:
    return *place.key, since
