"""One set of evidence, one change: a target rests after each, and old evidence moves nothing."""

from datetime import datetime, timedelta

from apps.core.clock import db_now
from apps.core.proposals.errors import CoolingDownError
from apps.core.proposals.machine import CHANGED
from apps.core.proposals.models import Proposal


def check(kind: str, target: str, evidence_at: datetime, cool_down_s: float = 0.0) -> None:
    """Raise CoolingDownError where the target was changed too lately, or since the evidence.

    The cool-down holds for changes of the same kind: that of the earlier one, or `cool_down_s`
    where that is longer. Evidence is outdated by a change of any kind.
    """
    ended = Proposal.objects.filter(target=target, state__in=CHANGED).order_by("-ended_at")
    last = ended.first()
    if last is None or last.ended_at is None:
        return
    _check_rest(ended.filter(kind=kind).first(), cool_down_s)
    if evidence_at <= last.ended_at:
        raise CoolingDownError(
            "The target was changed after this evidence was seen; look again.",
            {"changed_at": last.ended_at.isoformat()},
        )


def _check_rest(last: Proposal | None, cool_down_s: float) -> None:
    if last is None or last.ended_at is None:
        return
    until = last.ended_at + timedelta(seconds=max(cool_down_s, last.cool_down_s))
    left_s = (until - db_now()).total_seconds()
    if left_s > 0:
        raise CoolingDownError(
            "This target was changed a moment ago and is left alone for now.",
            {"until": until.isoformat()},
            retry_after_s=left_s,
        )
