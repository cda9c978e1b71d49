"""Our own processes by role: CPU and memory of all that belong to this state directory."""

import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from apps.core.embedded.home import Home
from apps.monitoring.collectors.base import Collector, Reading, gauge
from apps.monitoring.collectors.host import cores
from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import Resource

CPU: Final = gauge("process.cpu.utilization")
MEMORY: Final = gauge("process.memory.usage", "By")
COUNT: Final = gauge("process.count", "{process}")
ROLES: Final = ("web", "worker", "beat")
# A process found between fork and exec still carries its parent's environment.
_DOUBT_S: Final = 300.0


@dataclass
class Roster:
    """Which processes are ours. Looks at each process once: environments are costly to read."""

    home: Home
    _members: dict[int, tuple[str, psutil.Process]] = field(default_factory=dict)
    _strangers: dict[int, float] = field(default_factory=dict)
    _cpu_s: dict[int, float] = field(default_factory=dict)
    _read_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> None:
        """Meet new processes and forget those that ended."""
        pids = set(psutil.pids())
        now = time.monotonic()
        self._strangers = {
            pid: at for pid, at in self._strangers.items() if pid in pids and now - at < _DOUBT_S
        }
        postmaster = self._postmaster()
        for pid in pids - self._strangers.keys() - self._members.keys():
            try:
                process = psutil.Process(pid)
                role = self._role(process, postmaster)
            except psutil.Error:
                continue
            if role is None:
                self._strangers[pid] = now
            else:
                self._members[pid] = (role, process)

    def figures(self) -> dict[str, tuple[int, float | None, int]]:
        """Processes, CPU cores in use (None at first) and bytes of memory by role."""
        with self._lock:
            self.refresh()
            return self._sums()

    def _sums(self) -> dict[str, tuple[int, float | None, int]]:
        now = time.monotonic()
        elapsed = now - self._read_at if self._read_at is not None else 0.0
        gained: dict[str, float] = defaultdict(float)
        private: dict[str, int] = defaultdict(int)
        shared: dict[str, int] = defaultdict(int)
        count: dict[str, int] = defaultdict(int)
        cpu_s: dict[int, float] = {}
        for pid, (role, process) in list(self._members.items()):
            try:
                # A number given to another process since is not the one we met.
                if not process.is_running():
                    raise psutil.NoSuchProcess(pid)
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
            except psutil.Error:
                del self._members[pid]
                continue
            cpu_s[pid] = times.user + times.system
            # What a process used before it was met did not happen since the last read.
            gained[role] += cpu_s[pid] - self._cpu_s.get(pid, cpu_s[pid])
            common = getattr(memory, "shared", 0)
            private[role] += max(memory.rss - common, 0)
            shared[role] = max(shared[role], common)
            count[role] += 1
        first, self._read_at, self._cpu_s = self._read_at is None, now, cpu_s
        return {
            role: (
                count[role],
                None if first or elapsed <= 0 else max(gained[role], 0.0) / elapsed,
                # Shared pages once: PostgreSQL's buffers are not one for each connection.
                private[role] + shared[role],
            )
            for role in count
        }

    def _role(self, process: psutil.Process, postmaster: int | None) -> str | None:
        if postmaster is not None and postmaster in (process.pid, process.ppid()):
            return "postgresql"
        command = " ".join(process.cmdline())
        if f"{self.home.run_dir}/redis.sock" in command and "redis" in command[:200]:
            return "redis"
        environ = process.environ()
        if environ.get("PHAROS_ROLE") not in ROLES:
            return None
        named = environ.get("PHAROS_HOME")
        if not named or Path(named).expanduser().resolve() != self.home.root:
            return None
        return environ["PHAROS_ROLE"]

    def _postmaster(self) -> int | None:
        try:
            return int((self.home.postgresql_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None


_rosters: dict[Path, Roster] = {}


def _after_fork() -> None:
    _rosters.clear()


os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True)
class Processes(Collector, kind="process"):
    """CPU and memory by role. A role without a process here has no figure."""

    interval_s: float = 10.0

    @classmethod
    def configured(cls) -> "Iterable[Processes]":
        yield cls(target=socket.gethostname())

    def resource(self) -> Resource:
        return own_resource()

    def read(self) -> Reading:
        home = Home.current()
        roster = _rosters.setdefault(home.root, Roster(home))
        found = Reading()
        figures = roster.figures()
        granted = cores()
        for role, (count, in_use, size) in sorted(figures.items()):
            attrs = {"process__role": role}
            found.add(CPU, None if in_use is None else in_use / granted, **attrs)
            found.add(MEMORY, size, **attrs)
            found.add(COUNT, count, **attrs)
        found.detail = ",".join(sorted(figures))
        return found
