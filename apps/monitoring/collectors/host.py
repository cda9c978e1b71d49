"""The machine, or the share of it that a control group grants.

Nothing here waits: CPU use is the difference to the previous read, and input and output are
totals whose rates are taken when they are read.
"""

import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from django.conf import settings

from apps.monitoring.collectors import cgroup
from apps.monitoring.collectors.base import Collector, Reading, gauge, total
from apps.monitoring.collectors.difference import Difference
from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import Resource

CPU: Final = gauge("system.cpu.utilization")
LOAD: Final = tuple(gauge(f"system.cpu.load_average.{m}m", "{thread}") for m in (1, 5, 15))
MEMORY: Final = gauge("system.memory.usage", "By")
MEMORY_USE: Final = gauge("system.memory.utilization")
MEMORY_LIMIT: Final = gauge("system.memory.limit", "By")
DISK_IO: Final = total("system.disk.io", "By")
DISK_OPERATIONS: Final = total("system.disk.operations", "{operation}")
NET_IO: Final = total("system.network.io", "By")
NET_PACKETS: Final = total("system.network.packets", "{packet}")
CONNECTIONS: Final = gauge("system.network.connections", "{connection}")
FILES: Final = gauge("system.filesystem.usage", "By")
FILES_USE: Final = gauge("system.filesystem.utilization")
_MOST_DEVICES: Final = 16
# Partitions and layers repeat what their disk has counted.
_NOT_A_DISK: Final = re.compile(
    r"(?:loop|ram|dm-|md|zram|sr)\d+|(?:[shv]|xv)d[a-z]+\d+|(?:nvme|mmcblk).+p\d+"
)
_machine_busy = Difference()
_share_used = Difference()


def cores() -> float:
    """How many CPUs may be used here: the control group's share, else all that are visible."""
    share = cgroup.cpu()
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(share.cores, own) if share else float(own)


@dataclass(frozen=True)
class Host(Collector, kind="host"):
    """CPU, memory, disks, network and the file system of the state directory."""

    @classmethod
    def configured(cls) -> "Iterable[Host]":
        yield cls(target=socket.gethostname())

    def resource(self) -> Resource:
        return own_resource()

    def read(self) -> Reading:
        found = Reading()
        _cpu(found)
        _memory(found)
        _disks(found)
        _network(found)
        _files(found)
        return found


def _cpu(found: Reading) -> None:
    share = cgroup.cpu()
    if share is not None:
        found.add(CPU, _bounded(_share_used.per_s(share.used_s), share.cores))
    else:
        times = psutil.cpu_times()
        # Guests are counted in user time already; waiting for a disk is idle time.
        idle = times.idle + getattr(times, "iowait", 0.0)
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        everything = sum(times) - guests
        found.add(CPU, _bounded(_machine_busy.share(everything - idle, everything), 1.0))
    for metric, value in zip(LOAD, psutil.getloadavg(), strict=True):
        found.add(metric, value)


def _bounded(used: float | None, of: float) -> float | None:
    # Clocks of two files never agree to the tick.
    return None if used is None else min(max(used / of, 0.0), 1.0)


def _memory(found: Reading) -> None:
    machine = psutil.virtual_memory()
    limit, used = machine.total, machine.total - machine.available
    share = cgroup.memory()
    if share is not None and share.limit < limit:
        limit, used = share.limit, share.used
    found.add(MEMORY, used, system__memory__state="used")
    found.add(MEMORY, max(limit - used, 0), system__memory__state="free")
    found.add(MEMORY_LIMIT, limit)
    found.add(MEMORY_USE, min(used / limit, 1.0))


def _disks(found: Reading) -> None:
    disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    names = sorted(name for name in disks if not _NOT_A_DISK.fullmatch(name))[:_MOST_DEVICES]
    for name in names:
        disk = disks[name]
        for direction, size, operations in (
            ("read", disk.read_bytes, disk.read_count),
            ("write", disk.write_bytes, disk.write_count),
        ):
            attrs = {"system__device": name, "disk__io__direction": direction}
            found.add(DISK_IO, size, **attrs)
            found.add(DISK_OPERATIONS, operations, **attrs)


def _network(found: Reading) -> None:
    cards = psutil.net_io_counters(pernic=True, nowrap=False) or {}
    # One virtual card a container would be a new series with every start of one.
    names = sorted(n for n in cards if not n.startswith(("lo", "veth", "br-", "docker", "cali")))
    for name in names[:_MOST_DEVICES]:
        card = cards[name]
        for direction, size, packets in (
            ("receive", card.bytes_recv, card.packets_recv),
            ("transmit", card.bytes_sent, card.packets_sent),
        ):
            attrs = {"network__interface__name": name, "network__io__direction": direction}
            found.add(NET_IO, size, **attrs)
            found.add(NET_PACKETS, packets, **attrs)
    found.add(CONNECTIONS, _tcp_in_use(), network__transport="tcp")


def _tcp_in_use(proc: Path = Path("/proc/net")) -> int | None:
    """TCP sockets in use. Linux keeps the count; listing them all would cost and need rights."""
    counts = []
    for name in ("sockstat", "sockstat6"):
        try:
            text = (proc / name).read_text()
        except OSError:
            continue
        counts += [int(n) for n in re.findall(r"^TCP6?: inuse (\d+)", text, re.MULTILINE)]
    return sum(counts) if counts else None


def _files(found: Reading) -> None:
    path = str(settings.PHAROS_HOME)
    use = psutil.disk_usage(path)
    for state, size in (("used", use.used), ("free", use.free)):
        found.add(FILES, size, system__filesystem__mountpoint=path, system__filesystem__state=state)
    if use.used + use.free:
        share = use.used / (use.used + use.free)
        found.add(FILES_USE, share, system__filesystem__mountpoint=path)
