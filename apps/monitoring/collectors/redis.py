"""Redis 6.2 and newer, and Valkey: what INFO tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from django.conf import settings

from apps.monitoring.collectors.base import Collector, Reading, gauge, total

_FIELDS: Final = (
    (gauge("redis.uptime", "s"), "uptime_in_seconds"),
    (gauge("redis.clients.connected"), "connected_clients"),
    (gauge("redis.clients.blocked"), "blocked_clients"),
    (gauge("redis.clients.max"), "maxclients"),
    (gauge("redis.memory.used", "By"), "used_memory"),
    (gauge("redis.memory.peak", "By"), "used_memory_peak"),
    (gauge("redis.memory.rss", "By"), "used_memory_rss"),
    (gauge("redis.memory.fragmentation_ratio"), "mem_fragmentation_ratio"),
    (gauge("redis.maxmemory", "By"), "maxmemory"),
    (gauge("redis.rdb.changes_since_last_save"), "rdb_changes_since_last_save"),
    (gauge("redis.slaves.connected"), "connected_slaves"),
    (gauge("redis.latest_fork", "us"), "latest_fork_usec"),
    (total("redis.commands.processed", "{command}"), "total_commands_processed"),
    (total("redis.connections.received", "{connection}"), "total_connections_received"),
    (total("redis.connections.rejected", "{connection}"), "rejected_connections"),
    (total("redis.keyspace.hits", "{hit}"), "keyspace_hits"),
    (total("redis.keyspace.misses", "{miss}"), "keyspace_misses"),
    (total("redis.keys.evicted", "{key}"), "evicted_keys"),
    (total("redis.keys.expired", "{key}"), "expired_keys"),
    (total("redis.net.input", "By"), "total_net_input_bytes"),
    (total("redis.net.output", "By"), "total_net_output_bytes"),
)
_CPU: Final = total("redis.cpu.time", "s")
_CPU_STATES: Final = (("sys", "used_cpu_sys"), ("user", "used_cpu_user"))
_KEYS: Final = gauge("redis.db.keys", "{key}")
_EXPIRES: Final = gauge("redis.db.expires", "{key}")
_DATABASES: Final = tuple(f"db{n}" for n in range(16))


def client(url: str, timeout_s: float) -> "redis.Redis":
    """A connection of our own, with every wait bounded; close it after use."""
    made: redis.Redis = redis.Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s,
        client_name="pharos-collector",
    )  # fmt: skip
    return made


@dataclass(frozen=True)
class RedisServer(Collector, kind="redis"):
    """One server."""

    interval_s: float = 10.0
    timeout_s: float = 3.0
    url: str = field(default="", repr=False)

    @classmethod
    def configured(cls) -> "Iterable[RedisServer]":
        yield cls(target="default", url=str(settings.CACHES["default"]["LOCATION"]))

    def read(self) -> Reading:
        with client(self.url, self.timeout_s / 2) as connection:
            return figures(connection.info())


def figures(info: Mapping[str, Any]) -> Reading:
    """The points in an answer to INFO. What a version does not tell is left out."""
    found = Reading()
    for metric, name in _FIELDS:
        found.add(metric, _number(info.get(name)))
    for state, name in _CPU_STATES:
        found.add(_CPU, _number(info.get(name)), state=state)
    for database in _DATABASES:
        keys = info.get(database)
        if isinstance(keys, Mapping):
            found.add(_KEYS, _number(keys.get("keys")), db=database)
            found.add(_EXPIRES, _number(keys.get("expires")), db=database)
    # Valkey calls itself Redis 7.2 for the sake of old clients, and tells its own version too.
    valkey = info.get("valkey_version")
    found.detail = f"Valkey {valkey}" if valkey else f"Redis {info.get('redis_version', '')}"
    return found


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
