"""Control groups: the share granted, not the machine."""

import pytest

from apps.monitoring.collectors import cgroup

MIB = 1 << 20


@pytest.fixture
def tree(tmp_path):
    """`tree({path: text})` makes files below a root; the process's own group is `own`."""

    def make(own, **files):
        for path, text in files.items():
            file = tmp_path / "fs" / path.replace("_DOT_", ".").replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        proc = tmp_path / "cgroup"
        proc.write_text(own)
        return tmp_path / "fs", proc

    return make


def files(folder, **values):
    prefix = f"{folder}__" if folder else ""
    return {prefix + name: text for name, text in values.items()}


def v2(folder, cpu="max 100000", memory="max", used=0, cached=0, usec=0):
    return files(
        folder,
        cpu_DOT_max=cpu, cpu_DOT_stat=f"usage_usec {usec}\nuser_usec 1\n",
        memory_DOT_max=memory, memory_DOT_current=str(used),
        memory_DOT_stat=f"anon 5\ninactive_file {cached}\n",
    )  # fmt: skip


def test_version_2_without_limits_is_the_whole_machine(tree):
    root, proc = tree("0::/app\n", **v2("app"))
    assert cgroup.cpu(root, proc) is None
    assert cgroup.memory(root, proc) is None


def test_version_2_grants_half_a_core_and_leaves_reclaimable_cache_out(tree):
    values = v2("app", "50000 100000", str(512 * MIB), 300 * MIB, 100 * MIB, 2_500_000)
    root, proc = tree("0::/app\n", **values)
    assert cgroup.cpu(root, proc) == cgroup.CpuShare(0.5, 2.5)
    assert cgroup.memory(root, proc) == cgroup.MemoryShare(512 * MIB, 200 * MIB)


def test_a_tighter_limit_above_us_counts_with_the_use_above_us(tree):
    values = {
        **v2("pod", "100000 100000", str(256 * MIB), 250 * MIB, 0, 9_000_000),
        **v2("pod__app", "200000 100000", str(512 * MIB), 10 * MIB, 0, 1_000_000),
    }
    root, proc = tree("0::/pod/app\n", **values)
    assert cgroup.cpu(root, proc) == cgroup.CpuShare(1.0, 9.0)
    assert cgroup.memory(root, proc) == cgroup.MemoryShare(256 * MIB, 250 * MIB)


@pytest.mark.parametrize("own", ["0::/docker/abc123\n", "0::/../../init\n", "", "nonsense"])
def test_in_a_container_whose_path_is_the_hosts_the_mount_is_ours(tree, own):
    root, proc = tree(own, **v2("", "150000 100000", str(64 * MIB), MIB, 0, 1_000_000))
    assert cgroup.cpu(root, proc) == cgroup.CpuShare(1.5, 1.0)
    assert cgroup.memory(root, proc) == cgroup.MemoryShare(64 * MIB, MIB)


V1 = "9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box\n"


@pytest.mark.parametrize(("folder", "used"), [("cpu", "cpuacct"), ("cpu", "cpu")])
def test_version_1_reads_quota_and_use_from_their_own_hierarchies(tree, folder, used):
    values = {
        **files(f"{folder}__box", cpu_DOT_cfs_quota_us="25000", cpu_DOT_cfs_period_us="100000"),
        **files(f"{used}__box", cpuacct_DOT_usage="4000000000"),
        **files(
            "memory__box", memory_DOT_limit_in_bytes=str(100 * MIB),
            memory_DOT_usage_in_bytes=str(90 * MIB), memory_DOT_stat="total_inactive_file 1048576",
        ),
    }  # fmt: skip
    root, proc = tree(V1, **values)
    assert cgroup.cpu(root, proc) == cgroup.CpuShare(0.25, 4.0)
    assert cgroup.memory(root, proc) == cgroup.MemoryShare(100 * MIB, 89 * MIB)


def test_version_1_without_limits_writes_minus_one_and_a_huge_number(tree):
    values = {
        **files("cpu__box", cpu_DOT_cfs_quota_us="-1", cpu_DOT_cfs_period_us="100000"),
        **files(
            "memory__box", memory_DOT_limit_in_bytes="9223372036854771712",
            memory_DOT_usage_in_bytes="5",
        ),
    }  # fmt: skip
    root, proc = tree(V1, **values)
    assert cgroup.cpu(root, proc) is None
    assert cgroup.memory(root, proc) is None


def test_files_that_say_nonsense_grant_nothing(tree):
    root, proc = tree("0::/app\n", **v2("app", "x y z", "lots"))
    assert cgroup.cpu(root, proc) is None
    assert cgroup.memory(root, proc) is None
    assert cgroup.cpu(root / "absent", proc) is None
