"""What beat, written figures and the outbox wake. Each may run any number of times at once."""

from typing import Any

from celery import shared_task, signals

from apps.alerts import due, waking
from apps.alerts.escalation import escalate_due, faults
from apps.alerts.escalation.runner import TASK as ESCALATE_TASK
from apps.alerts.evaluation import Summary, evaluate_due, evaluate_early
from apps.alerts.foreign import intake as foreign
from apps.alerts.hands import hands
from apps.alerts.incidents import statuspages
from apps.alerts.outbox import DISPATCH_TASK, kick
from apps.alerts.routing import route
from apps.alerts.routing.enrol import ROUTE_TASK
from apps.alerts.services import (
    acknowledgements,
    deadman,
    digests,
    ladder,
    noise,
    outbox,
    receipts,
    retention,
    trouble,
)
from apps.alerts.services.dispatch import dispatch
from apps.alerts.services.housekeeping import mend_clock, prune
from apps.core import due as waiting
from apps.monitoring import recorder


@shared_task(name="apps.alerts.tasks.wake_what_is_due", ignore_result=True)
def wake_what_is_due() -> list[str]:
    """Start every task of the portal that has work lying; which those were."""
    woken = waiting.wake()
    if not woken:
        recorder.uneventful()
    return woken


@signals.worker_init.connect(dispatch_uid="alerts.hands")
def _open_hands(**_: Any) -> None:
    hands.open()


@signals.worker_shutdown.connect(dispatch_uid="alerts.hands")
def _close_hands(**_: Any) -> None:
    hands.close()


@shared_task(name="apps.alerts.tasks.evaluate_rules", ignore_result=True)
def evaluate_rules() -> dict[str, Any]:
    """Judge every rule whose tick has come, and say each minute that this is done."""
    rules, heart = due.judging()
    summary = evaluate_due() if rules else Summary()
    if heart:
        deadman.beat()
    elif not rules:
        recorder.uneventful()
    return {
        "evaluated": summary.evaluated, "errors": summary.errors, "skipped": summary.skipped,
    }  # fmt: skip


@shared_task(name=waking.WRITTEN_TASK, ignore_result=True)
def evaluate_written(metrics: list[str]) -> bool:
    """Judge the rules that read these metrics, for figures of theirs were just committed."""
    return waking.turns.take(metrics, _judge_early)


def _judge_early(metrics: set[str]) -> waking.Left:
    summary = evaluate_early(metrics)
    return summary.left, summary.again_s


@shared_task(name="apps.alerts.tasks.keep_alert_tables_small", ignore_result=True)
def keep_alert_tables_small() -> int:
    """Drop old ticks and idle instances; mend what a database clock that stepped back has left."""
    mend_clock()
    return prune() + foreign.prune()


@shared_task(name="apps.alerts.tasks.prune_alert_history", ignore_result=True)
def prune_alert_history() -> dict[str, int]:
    """Let what was noted about alerts end after its retention, a bounded piece at a time."""
    return retention.prune()


@shared_task(name=ROUTE_TASK, ignore_result=True)
def route_alerts() -> dict[str, Any]:
    """Route what changed, and flush every group that is due."""
    return vars(route())


@shared_task(name=DISPATCH_TASK, ignore_result=True)
def dispatch_notifications(kind: str | None = None) -> int:
    """Send what is due of one channel kind. Without a kind: wake one task for each that waits."""
    if kind is not None:
        return dispatch(kind)
    kick(outbox.kinds_waiting())
    ladder.sweep()
    trouble.look()
    return 0


@shared_task(name=due.EXPIRE_TASK, ignore_result=True)
def expire_acknowledgements() -> int:
    """Let go of what was taken for too long."""
    return acknowledgements.expire()


@shared_task(name=due.DIGEST_TASK, ignore_result=True)
def send_digests() -> int:
    """Tell together what was over the caps."""
    return digests.send_due()


@shared_task(name="apps.alerts.tasks.flag_noisy_rules", ignore_result=True)
def flag_noisy_rules() -> int:
    """Open tasks for rules that page too often, and forget what has long been steady."""
    noise.forget_flaps()
    return noise.flag_noisy_rules()


@shared_task(name=ESCALATE_TASK, ignore_result=True)
def escalate() -> int:
    """Take every step of an escalation that is due."""
    return escalate_due()


@shared_task(name="apps.alerts.tasks.mend_policies", ignore_result=True)
def mend_policies() -> int:
    """End the alerts about policies that reach somebody again."""
    return faults.mend()


@shared_task(name=due.FOREIGN_TASK, ignore_result=True)
def end_foreign_alerts() -> int:
    """End what other systems have not told again in time."""
    return foreign.end_due()


@shared_task(name=due.RECEIPT_TASK, ignore_result=True)
def collect_receipts() -> int:
    """Ask providers what became of messages they took over."""
    return receipts.collect()


@shared_task(name="apps.alerts.tasks.refresh_status_pages", ignore_result=True)
def refresh_status_pages() -> int:
    """Judge the components of every status page again."""
    return statuspages.refresh()
