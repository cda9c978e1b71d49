"""What comes in as telemetry, what was refused and why, how late it is, and by whose clock."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.charts.board import Board, Chart
from apps.monitoring.queries import lines
from apps.monitoring.queries.series import SeriesQuery
from portal.pages import charts, render, staff_page

_NOTHING_SENT = gettext_lazy("Nobody has sent telemetry in this range.")
_NOTHING_LOST = gettext_lazy("Nothing of this kind happened in this range.")


class IntakeBoard(Board):
    """The intake's own figures."""

    # As the Overview: whoever is staff sees how the portal itself fares.
    required_permissions: ClassVar = {"GET": ()}

    charts = (
        Chart(
            "items",
            gettext_lazy("Items by what became of them"),
            "/s",
            lines.of(SeriesQuery("pharos.intake.items", "rate", by=("signal", "state"))),
            why=_NOTHING_SENT,
            command="make demo",
        ),
        Chart(
            "rejected",
            gettext_lazy("Rejected items by reason"),
            "",
            lines.of(
                SeriesQuery(
                    "pharos.intake.rejected_items", "increase", by=("signal", "reason", "sender")
                )
            ),
            why=_NOTHING_LOST,
        ),
        Chart(
            "metrics",
            gettext_lazy("Rejected data points by metric"),
            "",
            lines.of(
                SeriesQuery(
                    "pharos.intake.rejected_items",
                    "increase",
                    {"signal": "metrics"},
                    by=("metric", "reason"),
                )
            ),
            why=_NOTHING_LOST,
        ),
        Chart(
            "refused",
            gettext_lazy("Requests turned away by reason"),
            "",
            lines.of(
                SeriesQuery("pharos.intake.refused", "increase", by=("signal", "reason", "sender"))
            ),
            why=_NOTHING_LOST,
        ),
        Chart(
            "lag",
            gettext_lazy("From event to commit, 95th percentile"),
            "s",
            lines.of(SeriesQuery("pharos.intake.lag", "p95", by=("signal",))),
            why=_NOTHING_SENT,
        ),
        Chart(
            "clocks",
            gettext_lazy("Clocks of services behind ours"),
            "s",
            lines.of(SeriesQuery("pharos.intake.clock_skew", "avg", by=("sender.service",))),
            why=_NOTHING_SENT,
        ),
        Chart(
            "queue",
            gettext_lazy("Fill of the fullest queue"),
            "%",
            lines.of(SeriesQuery("pharos.intake.queue.fill", "max"), scale=100.0),
            why=_NOTHING_SENT,
        ),
        Chart(
            "overflow",
            gettext_lazy("Data points in overflow series"),
            "",
            lines.of(SeriesQuery("pharos.intake.overflow", "increase")),
            why=_NOTHING_LOST,
        ),
        Chart(
            "dropped",
            gettext_lazy("Dropped by the portal's own recorder"),
            "",
            lines.of(SeriesQuery("pharos.recorder.dropped", "increase", by=("reason",))),
            why=_NOTHING_LOST,
        ),
        Chart(
            "collectors",
            gettext_lazy("Failures of collectors"),
            "",
            lines.of(SeriesQuery("pharos.collector.failures", "increase", by=("collector.kind",))),
            why=_NOTHING_LOST,
        ),
    )


@staff_page
def page(request: HttpRequest) -> HttpResponse:
    """The intake watching itself."""
    context = {"title": _("Intake"), **charts(request, IntakeBoard)}
    return render(request, "pages/intake.html", context)
