"""What one bottleneck cost over time, as a chart."""

from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.core.charts import Line
from apps.core.charts.board import Ask, Board, BoardAnswerSerializer, Chart
from apps.monitoring.queries import bottlenecks as queries
from apps.monitoring.services import bottlenecks as services


def _lost(ask: Ask) -> list[Line]:
    row = services.find(ask.filters["bottleneck"])
    found = dict(queries.over_time(row, ask.time_range, ask.step_s))
    step_s = max(ask.step_s, 60)
    points = [(at, us / 1e6 / (step_s / 60)) for at, us in sorted(found.items())]
    return [Line(str(_("lost")), [round(at.timestamp() * 1000) for at, _us in points],
                 [value for _at, value in points])] if points else []  # fmt: skip


class BottleneckBoard(Board):
    """Seconds lost a minute."""

    required_permissions: Any = {"GET": "monitoring.view_bottleneck"}
    default_range = "now-6h"
    charts = (
        Chart(
            "lost",
            _("Time lost a minute"),
            "s",
            _lost,
            why=_("It was not seen in this range."),
        ),
    )

    @extend_schema(responses=BoardAnswerSerializer)
    def get(  # type: ignore[override] # its address names one
        self,
        request: Request,
        fingerprint: str,  # noqa: ARG002
    ) -> HttpResponseBase:
        """Over the range."""
        return super().get(request)

    def asked(self, request: Request) -> dict[str, Any]:
        """The query, and which bottleneck."""
        return {**super().asked(request), "bottleneck": self.kwargs["fingerprint"]}
