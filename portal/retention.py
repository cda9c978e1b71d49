"""The Retention page: what is kept where, how large it is and will be, policies and holds."""

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.monitoring.models import SamplingPolicy
from apps.monitoring.queries.retention import Day, retention
from apps.monitoring.services import sampling
from apps.monitoring.store.interest import Reason
from portal.evidence.guard import in_shell
from portal.pages import render

_SHOWN: Final = 120
_SIGNALS: Final = ("", "spans", "logs")
_REASONS: Final = {
    Reason.ERROR: gettext_lazy("an error"),
    Reason.SLOW: gettext_lazy("slow"),
    Reason.PINNED: gettext_lazy("pinned"),
    Reason.FIRST_SEEN: gettext_lazy("first of a new operation"),
    Reason.ATTRIBUTE: gettext_lazy("an attribute"),
    Reason.HELD: gettext_lazy("a legal hold"),
    Reason.SHARE: gettext_lazy("the share of all others"),
}


@dataclass(frozen=True)
class Candidate:
    """A policy with its preview in words. `ready`: it may be enabled as it is."""

    policy: SamplingPolicy
    ready: bool
    reasons: list[tuple[str, int]]


@in_shell("monitoring.view_samplingpolicy")
def page(request: HttpRequest) -> HttpResponse:
    """Days newest first."""
    found = retention()
    signal = request.GET.get("signal", "")
    signal = signal if signal in _SIGNALS else ""
    more = f"&signal={signal}" if signal else ""
    days = [day for day in found.days if not signal or day.signal == signal]
    context: dict[str, Any] = {
        "title": _("Retention"),
        "found": found,
        "days": days[:_SHOWN],
        "more": len(days) > _SHOWN,
        "largest": max((day.size_bytes for day in days), default=1),
        "signal": signal,
        "candidates": [_candidate(policy) for policy in found.policies],
        "log_days": {
            "hot": round(settings.PHAROS_RETENTION_HOURS["logs"] / 24),
            "archive": settings.PHAROS_LOG_ARCHIVE_DAYS,
            "delete": settings.PHAROS_LOG_DELETE_DAYS,
        },
        "span_h": settings.PHAROS_RETENTION_HOURS["spans"],
        "archive_dir": settings.PHAROS_ARCHIVE_DIR,
        "export": f"{reverse('retention-days')}?format=csv{more}",
        "restore": _restorable(found.days),
    }  # fmt: skip
    return render(request, "pages/retention.html", context)


def _candidate(policy: SamplingPolicy) -> Candidate:
    told = (policy.preview or {}).get("reasons", {})
    reasons = [
        (str(words), told.get(str(reason.name).lower(), 0)) for reason, words in _REASONS.items()
    ]
    return Candidate(policy, sampling.previewed(policy), [one for one in reasons if one[1]])


def _restorable(days: list[Day]) -> str:
    """The newest archived day, as an example of the command; "" without one."""
    return next((f"{day.day:%Y-%m-%d}" for day in days if day.tier == "archived"), "")
