"""The base of every API view. A subclass says only what is particular to it.

`Endpoint` checks the query, and answers 304 or from the cache before anything is read;
`ListEndpoint` adds pages, cursors, totals and exports.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.core.api import answers, conditional, export, shapes
from apps.core.api.conditional import Version
from apps.core.api.negotiation import Negotiation
from apps.core.api.pagination import Page, Wish, page_of
from apps.core.api.parameters import PAGING, NoParameters, Parameters, combined, read
from apps.core.api.renderers import CSVRenderer, JSONRenderer, NDJSONRenderer, dumps
from apps.core.api.sources import Rows, Source
from apps.core.ratelimit import costs

_READS: Final = ("GET", "HEAD")
_PLAIN: Final = JSONRenderer()


class Endpoint(APIView):
    """One address of the API.

    `parameters`            the serializer of its query; what it does not name is refused. None:
                            anything may be sent and nothing is read of it
    `required_scopes`       method → scope of a key; `required_permissions`: method → Django's
    `version(request, asked)`  names the state of the data; with it, 304 costs no reading.
                            Such a view says in `cache_control` what browsers may keep
    `answer_cache_s`        keep answers in the cache this long; only for reads that may be as old
    `personal`              whether two callers with the same rights may get different answers
    """

    parameters: ClassVar[Parameters | None] = NoParameters
    renderer_classes: Any = [JSONRenderer]
    content_negotiation_class: type[BaseContentNegotiation] = Negotiation
    cache_control: ClassVar[str] = "private, max-age=0, must-revalidate"
    answer_cache_s: ClassVar[int] = 0
    personal: ClassVar[bool] = True
    version: ClassVar[Callable[..., Version | None] | None] = None

    def asked(self, request: Request) -> dict[str, Any]:
        """The validated query. Raises ValidationError or InvalidInputError, which become 400."""
        if self._asked is None:
            known = self.parameters
            self._asked = {} if known is None else read(known, request.query_params)
        return self._asked

    _asked: dict[str, Any] | None = None

    def reply(self, data: Any, status: int = 200) -> HttpResponse:
        """`data` as JSON."""
        return HttpResponse(dumps(data), content_type=JSONRenderer.media_type, status=status)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's, with a step between the checks and the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = asking = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        response: HttpResponseBase
        try:
            self.initial(asking, *args, **kwargs)
            handler = getattr(self, (asking.method or "").lower(), None)
            if handler is None or (asking.method or "").lower() not in self.http_method_names:
                handler = self.http_method_not_allowed
            if asking.method in _READS:
                response = self._read(asking, lambda: handler(asking, *args, **kwargs))
            else:
                # Only a list that is read has other forms than JSON.
                asking.accepted_renderer = _PLAIN
                response = handler(asking, *args, **kwargs)
        except Exception as exc:  # noqa: BLE001 (DRF raises again what it does not know)
            response = self.handle_exception(exc)
        self.response = self.finalize_response(asking, response, *args, **kwargs)  # type: ignore[arg-type]
        return self.response

    def initial(self, request: Request, *_args: Any, **kwargs: Any) -> None:
        """DRF's checks, but who may not ask learns nothing else, not even a wrong Accept."""
        request.accepted_renderer = _PLAIN
        request.accepted_media_type = _PLAIN.media_type
        request.version = request.versioning_scheme = None
        self.format_kwarg = self.get_format_suffix(**kwargs)
        self.perform_authentication(request)
        self.check_permissions(request)
        self.check_throttles(request)
        negotiated = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = negotiated

    def _read(self, request: Request, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        if self.parameters is not None:
            self.asked(request)
        if self.version is None and not self.answer_cache_s:
            return handle()
        given = conditional.inputs(request, personal=self.personal)
        version = None if self.version is None else self.version(request, self.asked(request))
        tag = None if version is None else conditional.etag(version, given)
        if version is not None and tag and conditional.unchanged(request, tag, version):
            response: HttpResponseBase = HttpResponse(status=304)
            # Django's default for a body that is not there.
            del response["Content-Type"]
        elif self.answer_cache_s:
            response = answers.remembered(given, tag, self.answer_cache_s, handle)
        else:
            response = handle()
        if version is not None and tag and response.status_code in (200, 304):
            conditional.mark(response, tag, version, self.cache_control)
        return response


class ListEndpoint(Endpoint):
    """Rows in pages, by cursor, or whole as CSV and NDJSON.

    `item`          the serializer that declares a row's fields
    `extra`         the serializer of what a page tells besides, which `besides` gives
    `order`         names as in `order_by`, the last of them unique; for querysets
    `rows(request, asked)`  a queryset, or a `Reader` for rows that come from elsewhere
    `export_rows`   the most rows an export holds
    `count_rows`    up to how many rows `total=exact` counts
    """

    item: ClassVar[shapes.ItemSerializer]
    extra: ClassVar[shapes.ItemSerializer | None] = None
    order: ClassVar[tuple[str, ...]] = ("pk",)
    renderer_classes: Any = [JSONRenderer, CSVRenderer, NDJSONRenderer]
    export_rows: ClassVar[int] = 100_000
    count_rows: ClassVar[int] = 10_000
    rate_cost: Any = staticmethod(costs.of_list)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.parameters is not None:
            cls.parameters = combined(cls.parameters)

    @abstractmethod
    def rows(self, request: Request, asked: dict[str, Any]) -> "QuerySet[Any, Any] | Source[Any]":
        """What `asked` wants to see, unpaged."""

    def show(self, row: Any) -> dict[str, Any]:
        """One row, JSON-ready: by default what `item` declares."""
        return shapes.shape_of(self.item, row)(row)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ARG002
        """One page, or an export of all."""
        asked = self.asked(request)
        wish = Wish.of(asked, self._bound_to(request), self.count_rows)
        source = self._source(request, asked)
        form = request.accepted_renderer.format
        if form != "json":
            return self._export(request, source, wish, form)
        page: Page = page_of(source, wish)
        items = [self.show(row) for row in page.rows]
        return self.reply({"items": items, **page.about(), **self.besides()})

    def besides(self) -> dict[str, Any]:
        """What `extra` declares, for a page read by the kit."""
        return {}

    def _source(self, request: Request, asked: dict[str, Any]) -> Source[Any]:
        found = self.rows(request, asked)
        return Rows(found, self.order) if isinstance(found, QuerySet) else found

    def _export(
        self, request: Request, source: Source[Any], wish: Wish, form: str
    ) -> StreamingHttpResponse:
        found = export.rows(source, wish.after, self.show, self.export_rows, wish.seal)
        return export.response(
            form, self._name, shapes.names(self.item), found, request._request.path
        )

    def _bound_to(self, request: Request) -> bytes:
        """What a cursor of this list is good for: this address with these filters."""
        http = request._request
        filters = sorted(
            (key, tuple(values)) for key, values in http.GET.lists() if key not in PAGING
        )
        return f"{http.path}\0{filters!r}".encode()

    @cached_property
    def _name(self) -> str:
        match = self.request.resolver_match
        return f"pharos-{match.url_name or 'list'}" if match else "pharos-list"
