"""Lists over 100,000 active alerts: the API, the admin's list and the board, and how fast one rule
with 10,000 of them is judged.

Behind 100,000 open episodes lie as many that ended. Requests go through Django in this process,
with everything but the socket.
"""

import argparse
import os
import time
import uuid
from datetime import timedelta

from benchmarks import harness

P95_LIMIT_MS = 300
ADDRESSES = {
    "API": "/admin/monitoring/alerts?page_size=50",
    "API, page 40": "/admin/monitoring/alerts?page_size=50&page=40",
    "API, one service": "/admin/monitoring/alerts?page_size=50&service=service-7",
    "API, one host": "/admin/monitoring/alerts?page_size=50&label=host.name=host-4711",
    "API, critical": "/admin/monitoring/alerts?page_size=50&severity=critical",
    "history": "/admin/alerts/history?page_size=50&since=now-1d",
    "admin list": "/admin/alerts/episode/",
    "admin list, firing": "/admin/alerts/episode/?state__exact=firing",
    "board": "/admin/alerts/board/",
    "board, one service": "/admin/alerts/board/?service=service-7",
}


def _fill(count):
    from django.db import connection

    from apps.alerts.clock import db_now
    from apps.alerts.evaluation import writing
    from apps.alerts.models import Episode, Instance, Rule

    Rule.objects.all().delete()
    rules = Rule.objects.bulk_create(
        Rule(name=f"rule {n}", metric=f"bench.{n}", warning=0.8, critical=0.9) for n in range(100)
    )
    now = db_now()
    for state, ended in (("resolved", now), ("firing", None)):
        for start in range(0, count, 10_000):
            rows = [
                Episode(
                    id=uuid.uuid4(),
                    rule=rules[n % 100],
                    rule_name=rules[n % 100].name,
                    fingerprint=f"{n:064d}",
                    metric=rules[n % 100].metric,
                    labels={"service.name": f"service-{n % 40}", "host.name": f"host-{n}"},
                    direction="above",
                    state=state,
                    severity="critical" if n % 10 == 0 else "warning",
                    value=0.95,
                    peak=0.99,
                    threshold=0.8,
                    started_at=now - timedelta(seconds=n / 10),
                    fired_at=now - timedelta(seconds=n / 10),
                    ended_at=ended,
                    updated_at=now,
                )
                for n in range(start, start + 10_000)
            ]
            writing.insert_episodes(rows)
            if ended is None:
                writing.upsert_instances([_instance(Instance, one, now) for one in rows])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE alerts_episode, alerts_instance")


def _instance(model, episode, now):
    return model(
        rule=episode.rule, fingerprint=episode.fingerprint, labels=episode.labels, state="firing",
        reason="breach", severity=episode.severity, notified=episode.severity, value=0.95, tick=now,
        episode=episode,
    )  # fmt: skip


def _ask(client, rounds):
    found = {name: [] for name in ADDRESSES}
    for number in range(-2, rounds):
        for name, path in ADDRESSES.items():
            begun = time.perf_counter()
            answer = client.get(path)
            took_ms = (time.perf_counter() - begun) * 1000
            assert answer.status_code == 200, (path, answer.content[:500])
            if number >= 0:
                found[name].append(took_ms)
    return found


class _Many:
    """A source with 10,000 series, all in breach."""

    def latest(self, query, window_s):  # noqa: ARG002
        from apps.monitoring.queries.series import Latest

        return [Latest({"host.name": f"host-{n}"}, 0.95, None) for n in range(10_000)]

    def info(self, metric):  # noqa: ARG002
        return None

    def until(self, moment):
        pass

    def expect(self, rules):
        pass


def _judge():
    """Seconds to open 10,000 alerts of one rule, and to judge them again."""
    from apps.alerts import conf
    from apps.alerts.clock import db_now
    from apps.alerts.evaluation import engine
    from apps.alerts.models import Rule

    conf.MOST_INSTANCES = 20_000
    rule = Rule.objects.create(name="many", metric="m", by=["host.name"], warning=0.8, for_s=0)
    took = []
    for round_ in range(3):
        now = db_now() + timedelta(seconds=rule.interval_s * (round_ + 1))
        Rule.objects.filter(pk=rule.pk).update(next_eval_at=now)
        begun = time.perf_counter()
        assert engine.evaluate_rule(rule.pk, _Many(), lambda now=now: now).breaching == 10_000
        took.append(time.perf_counter() - begun)
    return took[0], min(took[1:])


def _run(options):
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    _fill(options.episodes)
    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    found = _ask(client, options.rounds)
    p95 = {name: sorted(took)[int(len(took) * 0.95)] for name, took in found.items()}
    harness.table(
        ["list", "p50 ms", "p95 ms"],
        [(name, harness.median(took), p95[name]) for name, took in found.items()],
    )
    opening_s, again_s = _judge()
    harness.summary(
        "episodes", passed=max(p95.values()) <= P95_LIMIT_MS, episodes=options.episodes,
        p95_limit_ms=P95_LIMIT_MS, p95_worst_ms=max(p95.values()),
        opening_10000_s=opening_s, judging_10000_s=again_s,
        **{f"p95_{name.replace(', ', '_').replace(' ', '_')}_ms": ms for name, ms in p95.items()},
    )  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    with harness.embedded():
        harness.portal()
        _run(options)


if __name__ == "__main__":
    main()
