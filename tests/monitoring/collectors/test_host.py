"""The machine and our processes on it."""

import os
import subprocess
import sys

import pytest

from apps.core.embedded.home import Home
from apps.monitoring.collectors import cgroup, host, process
from apps.monitoring.collectors.cgroup import CpuShare, MemoryShare
from apps.monitoring.collectors.difference import Difference
from apps.monitoring.collectors.host import Host
from tests.servers import die_with_parent


def by_name(reading):
    found = {}
    for metric, value, attrs in reading.points:
        found.setdefault(metric.name, {})[tuple(attrs.values())] = value
    return found


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """As in a process that has read nothing yet."""
    monkeypatch.setattr(host, "_machine_busy", Difference())
    monkeypatch.setattr(host, "_share_used", Difference())


def test_the_first_reading_has_no_cpu_use_and_the_next_is_a_share():
    first, second = by_name(Host(target="here").read()), None
    assert "system.cpu.utilization" not in first
    while second is None:
        sum(range(10**6))
        second = by_name(Host(target="here").read()).get("system.cpu.utilization")
    assert 0 <= second[()] <= 1
    memory = first["system.memory.usage"]
    assert memory[("used",)] + memory[("free",)] == pytest.approx(first["system.memory.limit"][()])
    assert 0 < first["system.memory.utilization"][()] <= 1
    assert 0 < next(iter(first["system.filesystem.utilization"].values())) <= 1


def test_a_limited_share_is_the_measure_and_not_the_machine(monkeypatch):
    used = iter([10.0, 10.25, 3.0])
    monkeypatch.setattr(cgroup, "cpu", lambda: CpuShare(0.5, next(used)))
    monkeypatch.setattr(cgroup, "memory", lambda: MemoryShare(1 << 20, 1 << 19))
    clock = iter([0.0, 1.0, 2.0])
    per_s = Difference.per_s
    monkeypatch.setattr(Difference, "per_s", lambda self, v: per_s(self, v, next(clock)))
    assert "system.cpu.utilization" not in by_name(Host(target="here").read())
    found = by_name(Host(target="here").read())
    assert found["system.cpu.utilization"][()] == 0.5
    assert found["system.memory.utilization"][()] == 0.5
    # The group was made anew: its counter fell.
    assert "system.cpu.utilization" not in by_name(Host(target="here").read())


def test_partitions_are_not_counted_beside_their_disk():
    odd = ("loop0", "sda1", "nvme0n1p2", "mmcblk0p1", "dm-0", "xvda1")
    assert all(host._NOT_A_DISK.fullmatch(name) for name in odd)
    assert not any(host._NOT_A_DISK.fullmatch(name) for name in ("sda", "nvme0n1", "xvda"))


def test_a_system_without_socket_counts_has_no_figure(tmp_path):
    assert host._tcp_in_use(tmp_path) is None
    (tmp_path / "sockstat").write_text("sockets: used 9\nTCP: inuse 4 orphan 0 tw 1\n")
    (tmp_path / "sockstat6").write_text("TCP6: inuse 3\n")
    assert host._tcp_in_use(tmp_path) == 7


def test_processes_are_found_by_home_and_role_and_forgotten_when_they_end(tmp_path):
    home = Home(tmp_path)

    def start(**environment):
        child = subprocess.Popen(
            [sys.executable, "-c", "print(1, flush=True); input()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent,
            env={**os.environ, **environment},
        )  # fmt: skip
        child.stdout.readline()
        return child

    ours = start(PHAROS_HOME=str(tmp_path), PHAROS_ROLE="worker")
    others = [
        start(PHAROS_HOME="/elsewhere", PHAROS_ROLE="web"),
        start(PHAROS_HOME=str(tmp_path), PHAROS_ROLE="cli"),
    ]
    try:
        roster = process.Roster(home)
        count, in_use, size = roster.figures()["worker"]
        assert (count, in_use) == (1, None)
        assert size > 1 << 20
        assert set(roster.figures()) == {"worker"}
        assert roster.figures()["worker"][1] is not None
    finally:
        for child in (ours, *others):
            child.communicate(b"\n", timeout=20)
    # A role without a process is absent, not zero.
    assert roster.figures() == {}


def test_the_embedded_servers_are_found():
    found = by_name(process.Processes(target="here").read())
    roles = {role for (role,) in found["process.memory.usage"]}
    assert {"postgresql", "redis"} <= roles
    assert found["process.count"][("postgresql",)] > 1
