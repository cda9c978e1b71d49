"""schemathesis against the whole API: whatever a caller sends, no 5xx, and answers as documented.

The operations come from the OpenAPI document of the running application, so a new endpoint is in
as soon as it has an address. In the suite the run is short and its seed fixed. For a long one,
each round with another seed, by turns as a person (odd seeds) and as a program:

    PHAROS_FUZZ_MINUTES=20 pytest tests/core/api/test_fuzz.py -s
"""

import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import StopReason, events, from_schema

from apps.alerts.models import Episode
from apps.core.models import Scope
from apps.core.services import apikeys
from tests.monitoring.api.conftest import load, store  # noqa: F401 (fixtures)

MINUTES = float(os.environ.get("PHAROS_FUZZ_MINUTES", "0"))
SEED = int(os.environ.get("PHAROS_FUZZ_SEED", "1"))
# What the suite spends on all phases; and at most, on a busy machine, until every operation was
# asked and every list answered. schemathesis goes on for as long as it may.
ROUND_S, MOST_S = 30, 180
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    # It says so of inputs it made itself.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
    pytest.mark.timeout(MINUTES * 60 + 600),
]
_handler = WSGIHandler()
CHECKS = {
    # Rules between fields (`from` before `to`, pages not too deep) are no part of a JSON schema.
    "positive_data_acceptance": {
        "expected-statuses": ["2xx", "3xx", "400", "401", "403", "404", "409", "429", "503"]
    },
    # Breaks in schemathesis where the application is called without a network; test_routes.py
    # shows that no address answers without authority.
    "ignored_auth": {"enabled": False},
    "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx"]},
}


@pytest.fixture
def unlimited(settings):
    """The rate limit would answer everything after the first hundred."""
    limits = getattr(settings, "PHAROS_RATE_LIMITS", {})
    settings.PHAROS_RATE_LIMITS = dict.fromkeys(limits, 10**9)


@pytest.fixture
def data(staff, load):  # noqa: F811
    """Something to find in every list that can be filled by rows."""
    now = datetime.now(UTC)
    for number in range(30):
        User.objects.create_user(f"person {number}")
        Episode.objects.create(
            rule_name=f"rule {number}", metric="m", labels={"host": "a"}, direction="above",
            severity="warning", state="firing", started_at=now - timedelta(minutes=number),
            value=1.5, threshold=1.0, updated_at=now,
        )  # fmt: skip


@pytest.fixture
def callers(staff):
    """The headers of a member of staff who may do everything, and of a key with all scopes."""
    client = Client()
    client.force_login(staff)
    token = get_token(RequestFactory().get("/"))
    cookies = {"sessionid": client.cookies["sessionid"].value, "csrftoken": token}
    _, secret = apikeys.create("fuzz", list(Scope.values))
    return [
        {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": token,
        },
        {"Authorization": f"Bearer {secret}"},
    ]


def application_for(caller):
    """The portal as this caller meets it, whole answers at once."""
    given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in caller.items()}
    # schemathesis asks for compressed answers and does not unpack them here.
    given["HTTP_ACCEPT_ENCODING"] = "identity"

    def application(environ, start_response):
        response = _handler({**environ, **given}, start_response)
        try:
            return [b"".join(response)]
        finally:
            response.close()
            # A thread of schemathesis leaves none behind, or the database could not be dropped.
            connections.close_all()

    return application


# They ask for one thing by its name; what schemathesis makes up is not there.
NAMED = {
    "GET /admin/metrics/data", "GET /admin/performance/metrics/operation",
    "GET /admin/performance/traces/compare",
}  # fmt: skip


class Seen:
    """What a run saw: failures in words, and how often each operation answered what."""

    def __init__(self):
        self.failures: dict[str, str] = {}
        self.answers: Counter[tuple[str, int]] = Counter()
        self.operations: set[str] = set()
        self.errors: list[str] = []

    def enough(self, seed):
        """Whether every operation was asked and every list has been seen."""
        fine = {operation for operation, status in self.answers if 200 <= status < 300}
        refused = {o for o, status in self.answers if status == 403 and seed % 2 == 0}
        asked = {operation for operation, _ in self.answers}
        return asked == self.operations and self.lists() - fine <= refused

    def lists(self):
        # A body or an id may be too particular to be made up; a list is not.
        return {o for o in self.operations if o.startswith("GET ") and "{" not in o} - NAMED

    def take(self, event):
        if isinstance(event, events.ScenarioFinished | events.FuzzScenarioFinished):
            self._scenario(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            self.errors.append(str(getattr(event, "info", None) or event.exception))

    def _scenario(self, recorder):
        for case_id, interaction in recorder.interactions.items():
            operation = recorder.cases[case_id].value.operation.label
            if interaction.response is not None:
                self.answers[operation, interaction.response.status_code] += 1
            for check in recorder.checks.get(case_id, ()):
                if check.failure_info is not None:
                    key = f"{operation}: {check.name}: {check.failure_info.failure.title}"
                    told = check.failure_info.failure.message[:600]
                    code = check.failure_info.code_sample[:1500]
                    self.failures.setdefault(key, f"{key}\n  {told}\n  {code}")


def round_of(caller, seed, seconds, *, catching_up=False):
    """All phases, or a few examples of each operation, on the application as it stands."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "max-time": max(1, round(seconds)),
            "checks": CHECKS,
            "workers": 1,
            "continue-on-failure": True,
            "generation": {
                "max-examples": 200 if MINUTES else 3 if catching_up else 12,
                "database": "none",
                # Credentials made up would replace the ones that are let in.
                "with-security-parameters": False,
            },
            "phases": {
                "examples": {"enabled": not catching_up},
                "coverage": {"enabled": not catching_up},
                "stateful": {
                    "enabled": not catching_up,
                    "generation": {"max-examples": 50 if MINUTES else 5},
                },
            },
        }
    )
    schema = schemathesis.openapi.from_wsgi(
        "/api/schema?format=openapi-json", application_for(caller), config=config
    )
    return schema, from_schema(schema).execute()


def play(seen, callers, seed, seconds, *, catching_up=False):
    """One round; catching up it ends as soon as enough was seen."""
    schema, stream = round_of(callers[(seed - 1) % 2], seed, seconds, catching_up=catching_up)
    seen.operations = {o.ok().label for o in schema.get_all_operations() if o.ok()}
    for event in stream:
        seen.take(event)
        if catching_up and seen.enough(seed):
            stream.stop()
        if isinstance(event, events.EngineFinished):
            stopped = event.stop_reason
    assert stopped in {StopReason.COMPLETED, StopReason.MAX_TIME} or seen.enough(seed), stopped


def test_whatever_is_sent_no_answer_is_ours_to_be_ashamed_of(unlimited, data, callers):
    seen, seed = Seen(), SEED
    until = time.monotonic() + MINUTES * 60
    play(seen, callers, seed, min(MINUTES, 5) * 60 or ROUND_S)
    while not seen.failures and (left := until - time.monotonic()) > 0:
        seed += 1
        play(seen, callers, seed, min(left, 300))
    if not (MINUTES or seen.failures or seen.enough(seed)):
        play(seen, callers, seed, MOST_S, catching_up=True)
    sys.stdout.write(report(seen, seed))
    assert not seen.errors, "\n".join(seen.errors)
    assert not seen.failures, f"seed {seed}\n" + "\n\n".join(seen.failures.values())
    # Authority lost on the way, or a limiter, would make all this mean nothing.
    for caller in callers:
        assert Client(headers=caller).get("/api/schema").status_code == 200
    assert seen.enough(seed), seen.operations - {operation for operation, _ in seen.answers}


def report(seen, seed):
    rows = (f"{n:6}  {status}  {name}" for (name, status), n in sorted(seen.answers.items()))
    return f"\nlast seed {seed}, {sum(seen.answers.values())} requests\n" + "\n".join(rows)
