"""Figures of the alert engine, and where its links lead."""

from typing import Final
from uuid import UUID

from django.conf import settings

# An evaluation that takes longer is an error; Grafana's limit.
QUERY_TIMEOUT_S: Final = 10
ERRORS_UNTIL_UNHEALTHY: Final = 3
# One task run stops taking up further rules after this; the next poll goes on where it stopped.
EVALUATE_BUDGET_S: Final = 20.0
DISPATCH_BUDGET_S: Final = 25.0
ESCALATE_BUDGET_S: Final = 20.0
# Rules judged in one transaction, and how long it may read before it commits what it has.
RULES_AT_ONCE: Final = 100
BATCH_READ_S: Final = 1.0
# Evaluations on written figures make room for the ordinary ones after this.
EARLY_BUDGET_S: Final = 2.0
# A rule that another evaluator holds is free again about as soon.
LOCKED_AGAIN_S: Final = 0.1
# Series read for one rule; those beyond are told of by an alert of their own.
MOST_SERIES: Final = 20_000
# Alerts one rule keeps apart; those beyond are one alert with their number and the worst of them.
MOST_INSTANCES: Final = 1_000
OVERFLOW_SHOWN: Final = 20
# Figures that still grow as their events arrive are read up to this long ago, where being small is
# what makes a breach.
DATA_LAG_S: Final = 10
# After a gap in its evaluations nothing that is missing counts for a window, at most this long.
RESUMED_MOST_S: Final = 600
# A worker whose clock is off by more is reported; by much more, it judges nothing.
SKEW_REPORTED_S: Final = 5.0
SKEW_REFUSED_S: Final = 60.0
ROUTE_BUDGET_S: Final = 25.0
# A group that cannot be flushed is left alone for this long.
ROUTE_REST_S: Final = 30.0
# An escalation's step that failed is tried again after this.
STEP_REST_S: Final = 15.0
TICKS_KEPT_S: Final = 3600
IDLE_INSTANCES_KEPT_S: Final = 7 * 86_400

LEASE_S: Final = 30
# A send has to end well inside its lease, or another worker repeats it.
SEND_DEADLINE_S: Final = 20.0
# With back-off at its cap this is most of an hour of trying.
ATTEMPTS: Final = 100
BACKOFF_CAP_S: Final = 60.0
RETRY_AFTER_CAP_S: Final = 3600.0
# Sends in flight for each channel kind, and for one channel among them.
WIDTH: Final = 8
WIDTH_PER_CHANNEL: Final = 3

# A critical message goes to the next on the ladder after so many tries, or so long after the first.
FAILOVER_TRIES: Final = 2
FAILOVER_AFTER_S: Final = 20.0
# One that no dispatcher has even tried: its bulkhead is full. Longer, so that an outage after which
# everything is late does not send everything twice.
FAILOVER_UNTRIED_S: Final = 60.0
# Rungs of a ladder that are tried at most.
LONGEST_LADDER: Final = 5

# When a provider is first asked what became of a message, and the longest pause after that.
RECEIPT_FIRST_S: Final = 5.0
RECEIPT_PAUSE_S: Final = 60.0
# A critical message without a receipt goes to the next on the ladder; later nobody asks any more.
RECEIPT_WAIT_S: Final = 120.0
RECEIPT_GIVE_UP_S: Final = 900.0

# A channel that has failed for so long gets one send at a time, and all of them half the bulkhead.
IN_TROUBLE_AFTER_S: Final = 30.0
WIDTH_IN_TROUBLE: Final = 4

# A heartbeat each minute, and only while no stage of the path is later than this.
HEARTBEAT_S: Final = 60.0
STAGE_LATE_S: Final = 60.0

# An acknowledgement nobody renews is let go after this, so that nothing is taken and forgotten.
ACK_TIMEOUT_S: Final = 4 * 3600
SILENCE_LONGEST_S: Final = 90 * 86_400
# How long a first page waits for what could explain it, where its route says nothing.
HOLD_S: Final = 30
DIGEST_S: Final = 300
# More messages of one rule in an hour than this, on one channel, and somebody should look at it.
NOISY_PER_HOUR: Final = 10
# Test messages a channel takes; behind each may be a telephone beside a bed.
MOST_TESTS: Final = 5
TESTS_WITHIN_S: Final = 600


def base_url() -> str:
    """Where people reach the portal, without a trailing slash.

    `PHAROS_URL` where the installation sets it, else the first trusted origin, else this machine.
    """
    configured = getattr(settings, "PHAROS_URL", "")
    if not configured and settings.CSRF_TRUSTED_ORIGINS:
        configured = next((o for o in settings.CSRF_TRUSTED_ORIGINS if "*" not in o), "")
    # As the launcher prints it: a browser that signed in there is signed in at the link, too.
    return str(configured or f"http://127.0.0.1:{settings.PHAROS_PORT}").rstrip("/")


def episode_url(episode: UUID) -> str:
    """The page of an episode; spelt out, so that no message depends on the URL configuration."""
    return f"{base_url()}/admin/alerts/episode/{episode}/change/"


def incident_url(number: int) -> str:
    """The page of an incident."""
    return f"{base_url()}/admin/incidents/{number}/"


def why_url(episode: UUID) -> str:
    """Where it says why somebody was, or was not, told of an episode."""
    return f"{base_url()}/admin/alerts/why/{episode}/"
