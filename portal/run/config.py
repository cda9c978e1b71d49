"""The configuration of supervisord: five programs, their restarts, stops and logs."""

import resource
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from apps.core.embedded import postgresql, redis
from portal.run.plan import PROJECT, Plan


@dataclass(frozen=True)
class Program:
    """One program under supervisor. A lower `priority` starts earlier and stops later."""

    name: str
    argv: Sequence[str]
    priority: int
    stop_signal: str
    stop_wait_s: int
    autostart: bool
    environment: dict[str, str] = field(default_factory=dict)

    def section(self, log_dir: Path) -> str:
        """Its part of the file. Percent signs are supervisor's own and must be doubled."""
        variables = ",".join(f'{k}="{v}"' for k, v in self.environment.items())
        lines = {
            "command": shlex.join(self.argv),
            "environment": variables,
            "priority": self.priority,
            "autostart": str(self.autostart).lower(),
            "autorestart": "true",
            "startsecs": 2,
            # The wait grows by a second with each try; the launcher revives what gave up.
            "startretries": 10,
            "stopsignal": self.stop_signal,
            "stopwaitsecs": self.stop_wait_s,
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": log_dir / f"{self.name}.log",
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": 3,
        }
        body = "".join(f"{k} = {str(v).replace('%', '%%')}\n" for k, v in lines.items())
        return f"[program:{self.name}]\n{body}\n"


def servers(plan: Plan) -> list[Program]:
    """The embedded servers this start needs; they come up with supervisord itself."""
    found = []
    if plan.embeds_postgresql:
        argv = postgresql.command(plan.home)
        found.append(Program("postgresql", argv, 1, "INT", 60, autostart=True))
    if plan.embeds_redis:
        found.append(Program("redis", redis.command(plan.home), 2, "TERM", 20, autostart=True))
    return found


def processes(plan: Plan) -> list[Program]:
    """The portal's own processes; the launcher starts them when the database is ready."""
    python = sys.executable
    web = [
        python, "-m", "granian", "--interface", "asgi", "--host", plan.host,
        "--port", str(plan.port), "--http", "auto", "--http1-keep-alive", *_tls(plan),
        "--workers", "1", "--loop", "uvloop", "--ws",
        "--backlog", "4096", "--backpressure", "4096", "--no-access-log", "--log-level", "warning",
        "--respawn-failed-workers", "--respawn-interval", "1", "--workers-kill-timeout", "60",
        "portal.asgi:application",
    ]  # fmt: skip
    worker = [
        python, "-m", "celery", "-A", "portal", "worker", "-Q", "high,default,low",
        "--pool", "threads", "-c", "8", "--without-gossip", "--without-mingle",
        "--hostname", "worker@%h", "--loglevel", "INFO",
    ]  # fmt: skip
    beat = [python, "-m", "celery", "-A", "portal", "beat", "--loglevel", "WARNING"]
    return [
        Program(name, argv, 10, "TERM", wait_s, autostart=False, environment={"PHAROS_ROLE": name})
        for name, argv, wait_s in (("web", web, 65), ("worker", worker, 45), ("beat", beat, 10))
    ]


def _tls(plan: Plan) -> list[str]:
    if not plan.tls_cert:
        return []
    # Granian's own minimum, 1.3, would shut out agents that are a few years old.
    return [
        "--ssl-certificate", plan.tls_cert, "--ssl-keyfile", plan.tls_key,
        "--ssl-protocol-min", "tls1.2",
    ]  # fmt: skip


def _descriptors() -> int:
    # Many systems grant 1024 and allow far more; a thousand live sockets would exhaust that.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft, 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384))


def render(plan: Plan) -> str:
    """The whole file."""
    own = processes(plan)
    run, log = plan.home.run_dir, plan.home.log_dir
    head: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": run / "supervisor.sock", "chmod": "0700"},
        "supervisord": {
            "logfile": log / "supervisord.log",
            "logfile_maxbytes": "10MB",
            "logfile_backups": 2,
            "pidfile": run / "supervisord.pid",
            "childlogdir": log,
            "directory": PROJECT,
            "nodaemon": "true",
            "silent": "true",
            "umask": "077",
            "minfds": _descriptors(),
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
        "group:portal": {"programs": ",".join(p.name for p in own), "priority": 10},
    }
    text = "".join(
        f"[{section}]\n"
        + "".join(f"{k} = {str(v).replace('%', '%%')}\n" for k, v in values.items())
        + "\n"
        for section, values in head.items()
    )
    return text + "".join(p.section(log) for p in [*servers(plan), *own])
