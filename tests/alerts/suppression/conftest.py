"""Episodes by hand."""

import hashlib
import itertools
from datetime import timedelta

import pytest

from apps.alerts.clock import db_now
from apps.alerts.models import Episode

_count = itertools.count()


@pytest.fixture
def make_episode(db):
    """An episode with these labels; it fires unless `state` says otherwise."""

    def make(
        rule_name="CPU", *, state="firing", severity="critical", ago_s=60, rule=None, **labels
    ):
        now = db_now()
        fired = None if state in ("pending", "inactive") else now - timedelta(seconds=ago_s)
        return Episode.objects.create(
            rule=rule, rule_name=rule_name, metric="system.cpu.utilization", direction="above",
            fingerprint=hashlib.sha256(str(next(_count)).encode()).hexdigest(),
            labels={key.replace("__", "."): value for key, value in labels.items()},
            state=state, severity=severity, started_at=now - timedelta(seconds=ago_s + 60),
            fired_at=fired, ended_at=now if state == "resolved" else None, updated_at=now,
            value=0.95, peak=0.97, threshold=0.9,
        )  # fmt: skip

    return make


@pytest.fixture
def now(db):
    return db_now()
