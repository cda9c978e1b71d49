"""Lists over 100,000 active alerts: the API, the admin's list and the board, and how fast one rule
with 10,000 of them is judged.

Behind 100,000 open episodes lie as many that ended. Requests go through Django in this process,
with everything but the socket, and with the garbage collector as the web sets it. "CPU" is what
this process and its PostgreSQL backend worked for one request: what remains of the time on a
machine that others use was spent waiting for a core.
"""

import argparse
import os
import time
from datetime import timedelta

import psutil

from benchmarks import harness

P95_LIMIT_MS = 300
ADDRESSES = {
    "API": "/admin/monitoring/alerts?page_size=50",
    "API, page 40": "/admin/monitoring/alerts?page_size=50&page=40",
    "API, one service": "/admin/monitoring/alerts?page_size=50&service=service-7",
    "API, one host": "/admin/monitoring/alerts?page_size=50&label=host.name=host-4711",
    "API, critical": "/admin/monitoring/alerts?page_size=50&severity=critical",
    "API, one rule": "/admin/monitoring/alerts?page_size=50&rule=rule%2077",
    "history": "/admin/alerts/history?page_size=50&since=now-1d",
    "admin list": "/admin/alerts/episode/",
    "admin list, firing": "/admin/alerts/episode/?state__exact=firing",
    "admin list, search": "/admin/alerts/episode/?q=rule+77",
    "admin list, critical": "/admin/alerts/episode/?severity__exact=critical",
    "board": "/admin/alerts/board/",
    "board, critical": "/admin/alerts/board/?severity=critical",
    "board, one rule": "/admin/alerts/board/?rule=rule+77",
    "board, taken by nobody": "/admin/alerts/board/?taken=no",
    "board, one service": "/admin/alerts/board/?service=service-7",
}


# The number of rows, the ids of 100 rules, and the state.
_EPISODES = """
INSERT INTO alerts_episode (id, rule_id, rule_name, fingerprint, labels, metric, unit, direction,
       state, severity, value, peak, threshold, reason, facts, end_reason, started_at, fired_at,
       ended_at, updated_at)
SELECT gen_random_uuid(), rules.ids[n %% 100 + 1], 'rule ' || n %% 100, lpad(n::text, 64, '0'),
       jsonb_build_object('service.name', 'service-' || n %% 40, 'host.name', 'host-' || n),
       'bench.' || n %% 100, '', 'above', given.state,
       CASE WHEN n %% 10 = 0 THEN 'critical' ELSE 'warning' END, 0.95, 0.99, 0.8, 'breach', '{}',
       CASE WHEN given.state = 'resolved' THEN 'ok' ELSE '' END,
       now() - make_interval(secs => n / 10.0), now() - make_interval(secs => n / 10.0),
       CASE WHEN given.state = 'resolved' THEN now() END, now()
  FROM generate_series(0, %s - 1) AS n, (SELECT %s::int8[] AS ids) AS rules,
       (SELECT %s::text AS state) AS given
"""
_INSTANCES = """
INSERT INTO alerts_instance (rule_id, fingerprint, labels, state, reason, observed_s, missed,
       severity, notified, value, tick, episode_id)
SELECT rule_id, fingerprint, labels, 'firing', 'breach', 0, 0, severity, severity, value, now(), id
  FROM alerts_episode WHERE state = 'firing'
"""


def _fill(count):
    from django.db import connection

    from apps.alerts.models import Rule

    Rule.objects.all().delete()
    rules = Rule.objects.bulk_create(
        Rule(name=f"rule {n}", metric=f"bench.{n}", warning=0.8, critical=0.9) for n in range(100)
    )
    with connection.cursor() as cursor:
        for state in ("resolved", "firing"):
            cursor.execute(_EPISODES, [count, [rule.pk for rule in rules], state])
        cursor.execute(_INSTANCES)
        cursor.execute("VACUUM ANALYZE alerts_episode, alerts_instance")


def _cpu_s(backend):
    times = backend.cpu_times()
    return time.process_time() + times.user + times.system


def _backend():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return psutil.Process(cursor.fetchone()[0])


def _ask(client, rounds):
    """The times of each list, and its CPU for one request, in ms."""
    found = {name: [] for name in ADDRESSES}
    cpu = dict.fromkeys(ADDRESSES, 0.0)
    backend = _backend()
    for number in range(-2, rounds):
        for name, path in ADDRESSES.items():
            begun, worked = time.perf_counter(), _cpu_s(backend)
            answer = client.get(path)
            took_ms = (time.perf_counter() - begun) * 1000
            assert answer.status_code == 200, (path, answer.content[:500])
            if number >= 0:
                found[name].append(took_ms)
                cpu[name] += (_cpu_s(backend) - worked) * 1000 / rounds
    return found, cpu


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
    """Seconds to open 10,000 alerts of one rule, and to judge them again; the CPU of both."""
    from apps.alerts import conf
    from apps.alerts.clock import db_now
    from apps.alerts.evaluation import engine
    from apps.alerts.models import Rule

    conf.MOST_INSTANCES = 20_000
    rule = Rule.objects.create(name="many", metric="m", by=["host.name"], warning=0.8, for_s=0)
    took, cpu, backend = [], [], _backend()
    for round_ in range(3):
        now = db_now() + timedelta(seconds=rule.interval_s * (round_ + 1))
        Rule.objects.filter(pk=rule.pk).update(next_eval_at=now)
        begun, worked = time.perf_counter(), _cpu_s(backend)
        assert engine.evaluate_rule(rule.pk, _Many(), lambda now=now: now).breaching == 10_000
        took.append(time.perf_counter() - begun)
        cpu.append(_cpu_s(backend) - worked)
    return took[0], min(took[1:]), cpu[0], min(cpu[1:])


def _run(options):
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from apps.core.asgi.shell import calm_collector

    settings.ALLOWED_HOSTS = ["testserver"]
    _fill(options.episodes)
    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    calm_collector()
    found, cpu = _ask(client, options.rounds)
    p95 = {name: sorted(took)[int(len(took) * 0.95)] for name, took in found.items()}
    harness.table(
        ["list", "p50 ms", "p95 ms", "CPU ms"],
        [(name, harness.median(took), p95[name], cpu[name]) for name, took in found.items()],
    )
    opening_s, again_s, opening_cpu_s, again_cpu_s = _judge()
    harness.summary(
        "episodes", passed=max(p95.values()) <= P95_LIMIT_MS, episodes=options.episodes,
        p95_limit_ms=P95_LIMIT_MS, p95_worst_ms=max(p95.values()),
        cpu_worst_ms=max(cpu.values()), opening_10000_s=opening_s, judging_10000_s=again_s,
        opening_10000_cpu_s=opening_cpu_s, judging_10000_cpu_s=again_cpu_s,
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
