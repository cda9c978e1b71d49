"""What the tests of incidents share: episodes as rules leave them, and incidents about them."""

import itertools
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.alerts import incidents
from apps.alerts.models import Episode, EpisodeEvent, Incident
from apps.core.clock import db_now

_numbers = itertools.count(1)


@pytest.fixture
def make_episode(db) -> Callable[..., Episode]:
    """An episode that fires for a minute, with the first lines of its timeline."""

    def make(**fields: Any) -> Episode:
        now = db_now()
        values = {
            "rule_name": "HIGH_ERROR_RATE", "fingerprint": uuid.uuid4().hex, "state": "firing",
            "labels": {"service.name": "shop"}, "metric": "http.server.request.duration",
            "direction": "above", "severity": "critical", "value": 0.2, "threshold": 0.1,
            "started_at": now - timedelta(minutes=3), "fired_at": now - timedelta(minutes=1),
            "updated_at": now, **fields,
        }  # fmt: skip
        episode = Episode.objects.create(**values)
        for kind, at in (("opened", episode.started_at), ("fired", episode.fired_at)):
            EpisodeEvent.objects.create(episode=episode, at=at, kind=kind, detail={"value": 0.2})
        return episode

    return make


@pytest.fixture
def make_incident(db) -> Callable[..., Incident]:
    def make(*episodes: Episode, **fields: Any) -> Incident:
        values = {
            "key": f"test:{next(_numbers)}", "title": "Checkout is down", "severity": "major",
            "by": "ann", **fields,
        }  # fmt: skip
        return incidents.declare(episodes=episodes, **values)

    return make
