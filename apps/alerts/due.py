"""What of alerting waits for a clock: the rows that make each task worth starting.

What is written now wakes its task on commit; this is for what falls due later, and for lost
wake-ups.
"""

from typing import Final

from django.db import connection
from django.db.models.functions import Now

from apps.alerts.escalation.runner import TASK as ESCALATE_TASK
from apps.alerts.machine import OPEN
from apps.alerts.models import (
    Acknowledgement,
    AlertGroup,
    AwaitedReceipt,
    Digest,
    Enrolment,
    Episode,
    Escalation,
    EscalationState,
    ForeignAlert,
    Notification,
    OutboxState,
)
from apps.alerts.outbox import DISPATCH_TASK
from apps.alerts.routing.enrol import ROUTE_TASK
from apps.alerts.services import deadman, trouble
from apps.core import due

EXPIRE_TASK: Final = "apps.alerts.tasks.expire_acknowledgements"
DIGEST_TASK: Final = "apps.alerts.tasks.send_digests"
FOREIGN_TASK: Final = "apps.alerts.tasks.end_foreign_alerts"
RECEIPT_TASK: Final = "apps.alerts.tasks.collect_receipts"

_JUDGING: Final = """
SELECT EXISTS (SELECT FROM alerts_rule WHERE enabled AND next_eval_at <= statement_timestamp()),
  NOT EXISTS (SELECT FROM alerts_deadman WHERE id = %s
               AND beat_at > statement_timestamp() - make_interval(secs => %s))
"""


def judging() -> tuple[bool, bool]:
    """Whether a rule is due, and whether a heartbeat is."""
    with connection.cursor() as cursor:
        cursor.execute(_JUDGING, [deadman.ROW, deadman.EVERY_S])
        rules, heart = cursor.fetchone()
    return bool(rules), bool(heart)


def watch() -> None:
    """Name them all."""
    due.watch(
        ROUTE_TASK, "high",
        lambda: [Enrolment.objects.all(), AlertGroup.objects.filter(next_flush_at__lte=Now())],
    )  # fmt: skip
    due.watch(
        DISPATCH_TASK, "high",
        lambda: [
            Notification.objects.filter(state__in=[OutboxState.PENDING, OutboxState.SENDING]),
            # Alerts about channels end there.
            Episode.objects.filter(source=trouble.SOURCE, state__in=OPEN),
        ],
    )  # fmt: skip
    due.watch(
        ESCALATE_TASK, "high",
        lambda: [Escalation.objects.filter(state=EscalationState.RUNNING, next_at__lte=Now())],
    )  # fmt: skip
    due.watch(EXPIRE_TASK, "high", lambda: [Acknowledgement.objects.filter(ended_at=None)])
    due.watch(
        DIGEST_TASK, "default", lambda: [Digest.objects.filter(sent_at=None, due_at__lte=Now())]
    )
    due.watch(
        FOREIGN_TASK, "default",
        lambda: [ForeignAlert.objects.filter(episode__isnull=False, ends_at__lte=Now())],
    )  # fmt: skip
    due.watch(
        RECEIPT_TASK, "default", lambda: [AwaitedReceipt.objects.filter(next_ask_at__lte=Now())]
    )
