"""Limits and use of the control group this process lives in, version 1 or 2.

Inside a container the machine's figures are other people's: what counts is the share granted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_PROC: Final = Path("/proc/self/cgroup")
# Version 1 writes "no limit" as the largest page-aligned number.
_NO_LIMIT: Final = 1 << 60


@dataclass(frozen=True)
class CpuShare:
    """A CPU limit in cores, and the seconds used so far by all under that limit."""

    cores: float
    used_s: float


@dataclass(frozen=True)
class MemoryShare:
    """A memory limit and what is used of it, without the page cache that can be given back."""

    limit: int
    used: int


def cpu(root: Path = _ROOT, proc: Path = _PROC) -> CpuShare | None:
    """The tightest CPU limit above this process; None without one."""
    found = [_cpu_v2(d) for d in _folders(root, proc, "")]
    for name in ("cpu", "cpu,cpuacct"):
        found += [_cpu_v1(d, root, name) for d in _folders(root / name, proc, "cpu")]
    return min((share for share in found if share), key=lambda share: share.cores, default=None)


def memory(root: Path = _ROOT, proc: Path = _PROC) -> MemoryShare | None:
    """The tightest memory limit above this process; None without one."""
    found = [
        _memory(d, "memory.max", "memory.current", "inactive_file")
        for d in _folders(root, proc, "")
    ]
    found += [
        _memory(d, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        for d in _folders(root / "memory", proc, "memory")
    ]
    return min((share for share in found if share), key=lambda share: share.limit, default=None)


def _folders(mount: Path, proc: Path, controller: str) -> list[Path]:
    """Our group's folder and those above it up to the mount.

    In a container the path may be the host's and absent below our mount: the mount is ours then.
    """
    if not mount.is_dir():
        return []
    path = _own_path(proc, controller)
    folder = mount / path.lstrip("/")
    if ".." in path or not folder.is_dir():
        return [mount]
    folders = [folder]
    while folder != mount:
        folder = folder.parent
        folders.append(folder)
    return folders


def _own_path(proc: Path, controller: str) -> str:
    for line in _text(proc).splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if controller in names.split(","):
            return path
    return "/"


def _cpu_v2(folder: Path) -> CpuShare | None:
    words = _text(folder / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    used = _field(_text(folder / "cpu.stat"), "usage_usec")
    quota, period = _int(words[0]), _int(words[1])
    if used is None or not quota or not period:
        return None
    return CpuShare(quota / period, used / 1e6)


def _cpu_v1(folder: Path, root: Path, mounted: str) -> CpuShare | None:
    quota = _int(_text(folder / "cpu.cfs_quota_us"))
    period = _int(_text(folder / "cpu.cfs_period_us"))
    if quota is None or quota <= 0 or not period:
        return None
    below = folder.relative_to(root / mounted)
    used = _int(_text(folder / "cpuacct.usage"))
    if used is None:
        used = _int(_text(root / "cpuacct" / below / "cpuacct.usage"))
    return None if used is None else CpuShare(quota / period, used / 1e9)


def _memory(folder: Path, limit: str, usage: str, reclaimable: str) -> MemoryShare | None:
    most, used = _int(_text(folder / limit)), _int(_text(folder / usage))
    if most is None or used is None or not 0 < most < _NO_LIMIT:
        return None
    cached = _field(_text(folder / "memory.stat"), reclaimable) or 0
    return MemoryShare(most, max(used - cached, 0))


def _field(text: str, name: str) -> int | None:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return _int(value)
    return None


def _int(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
