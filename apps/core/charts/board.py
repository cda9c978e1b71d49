"""The endpoint of a page's charts: figures as JSON, or one chart's points as CSV.

A page says which charts it has, and nothing else::

    class QueueBoard(Board):
        charts = (Chart("age", _("Queue age"), "s", read_age),)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from django.db import OperationalError
from django.http import QueryDict
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from psycopg.errors import QueryCanceled
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api import export
from apps.core.api.renderers import CSVRenderer, JSONRenderer
from apps.core.api.views import Endpoint
from apps.core.charts.figure import Line, figure
from apps.core.charts.window import Window, width_of
from apps.core.errors import InvalidInputError
from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange

_COLUMNS: Final = ("time", "series", "value", "unit")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a chart is to read: a range, the seconds of one point, and the page's filters."""

    time_range: TimeRange
    step_s: int
    filters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `why` says why it may be empty, `command` is the one that mends it."""

    key: str
    title: Any
    unit: str
    read: Callable[[Ask], Sequence[Line]]
    why: Any = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line across every chart, and its word."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one look: milliseconds since 1970, values, what each is, where it leads.

    `symbol` is Plotly's: colour alone tells nothing to those who do not see it.
    """

    name: str
    colour: str
    symbol: str
    x: list[int]
    y: list[float]
    text: list[str]
    hrefs: list[str]


class BoardParameters(serializers.Serializer[Any]):
    """The range, and what of it to send. A page with filters of its own adds them."""

    to = serializers.CharField(required=False, help_text="As `from`; now by default.")
    range = serializers.CharField(required=False, help_text="Old links: `6h` is `from=now-6h`.")
    width = serializers.CharField(required=False, help_text="The plot's width in pixels.")
    panel = serializers.CharField(required=False, help_text="One chart alone; CSV needs it.")
    format = serializers.ChoiceField(["json", "csv"], required=False)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's."""
        told = "`now-6h`, `now-1d/d`, an ISO 8601 time or milliseconds since 1970."
        return {
            "from": serializers.CharField(required=False, help_text=told),
            **super().get_fields(),
        }


class BoardAnswerSerializer(serializers.Serializer[Any]):
    """Figures of one range; times are milliseconds since 1970."""

    panels = serializers.DictField(help_text="Plotly figures by chart.")
    range = serializers.DictField(help_text="The range as the picker shows it.")
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    step_s = serializers.IntegerField(help_text="Seconds of one point.")
    slow = serializers.ListField(
        child=serializers.CharField(), help_text="Charts whose query was cut off."
    )
    marks = serializers.ListField(
        child=serializers.DictField(), help_text="Moments across every chart: `at` and `text`."
    )
    points = serializers.DictField(help_text="Single points beside the lines, by chart.")


class Board(Endpoint):
    """Charts of one page. A subclass names them in `charts`; filters go into `parameters`."""

    charts: ClassVar[Sequence[Chart]] = ()
    parameters = BoardParameters
    renderer_classes: Any = [JSONRenderer, CSVRenderer]
    default_range: ClassVar[str] = "now-1h"

    @extend_schema(responses=BoardAnswerSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """Every chart over the range, or one as CSV."""
        asked = self.asked(request)
        choice, window, width_px = chosen(request.query_params, self.default_range)
        wish = Ask(window.readable, window.step_s, asked)
        shown = self._wanted(asked.get("panel"))
        if request.accepted_renderer.format == "csv":
            return csv_of(request, shown[0].key, shown[0].read(wish), shown[0].unit)
        slow: list[str] = []
        panels = {
            chart.key: figure(self._lines(chart, wish, slow), chart.unit, width_px)
            for chart in shown
        }
        return self.reply({
            "panels": panels, "range": choice.told(), "start": _ms(window.start),
            "end": _ms(window.end), "step_s": window.step_s, "slow": slow,
            "marks": [{"at": _ms(mark.at), "text": mark.text} for mark in self.marks(wish)],
            "points": {
                key: [asdict(group) for group in groups]
                for key, groups in self.points(wish).items()
            },
        })  # fmt: skip

    def marks(self, ask: Ask) -> Sequence[Mark]:  # noqa: ARG002
        """Moments to draw across every chart: a deployment, a failover."""
        return ()

    def points(self, ask: Ask) -> Mapping[str, Sequence[Points]]:  # noqa: ARG002
        """Single points to draw beside the lines of a chart, each a link to its evidence."""
        return {}

    def _wanted(self, key: str | None) -> Sequence[Chart]:
        if key is None and self.request.accepted_renderer.format != "csv":
            return self.charts
        return [pick(self.charts, key)]

    def _lines(self, chart: Chart, wish: Ask, slow: list[str]) -> Sequence[Line]:
        # One slow query spoils its own chart only.
        try:
            return chart.read(wish)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            slow.append(chart.key)
            return ()


def chosen(query: QueryDict, default: str) -> tuple[Choice, Window, int]:
    """Range, window and plot width of an address. Raises InvalidInputError."""
    choice, width_px = Choice.strict(query, default), width_of(query.get("width"))
    return choice, Window.of(choice, width_px), width_px


def pick(charts: Sequence[Any], key: str | None) -> Any:
    """The chart of this key. Raises InvalidInputError that names all."""
    for chart in charts:
        if chart.key == key:
            return chart
    there = ", ".join(chart.key for chart in charts)
    raise InvalidInputError(f"`panel` is one of {there}.", {"parameter": "panel"})


def csv_of(request: Request, name: str, lines: Sequence[Line], unit: str) -> HttpResponseBase:
    """The points of one chart: UTC times, empty where nothing is known."""
    return export.response("csv", f"pharos-{name}", _COLUMNS, _rows(lines, unit), request.path)


def _rows(lines: Sequence[Line], unit: str) -> Iterator[dict[str, Any]]:
    for line in lines:
        for x, y in zip(line.x, line.y, strict=True):
            yield {"time": _utc(x), "series": line.name, "value": y, "unit": unit}


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
