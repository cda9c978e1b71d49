"""A worker killed with SIGKILL in the middle of a swap."""

import time
from datetime import timedelta

import pytest

from apps.monitoring.services import keeping
from tests.conftest import wait_until
from tests.monitoring.keep.conftest import DAY, NOON, log, put, rolled_up, span

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def test_a_worker_killed_inside_a_swap_leaves_the_old_day_and_blocks_nobody(
    rows, portal_process, tmp_path
):
    put(*(log(f"line {n}", NOON + timedelta(seconds=n)) for n in range(50)), span())
    rolled_up()
    mark, later = tmp_path / "inside", DAY + timedelta(days=32)
    process, output = portal_process(
        "worker", "tests.monitoring.keep.doomed", later.isoformat(), str(mark)
    )
    wait_until(mark.exists, process, output)
    process.kill()
    process.wait(10)
    # PostgreSQL notices that its client is gone when it next speaks to it.
    deadline = time.monotonic() + 60
    while rows("SELECT 1 FROM pg_stat_activity WHERE application_name = 'pharos-keep'"
               " AND datname = current_database()"):  # fmt: skip
        assert time.monotonic() < deadline
    assert rows("SELECT count(*) FROM tm_log") == [(50,)]
    put(log("later"))
    rolled_up()
    report = keeping.keep(later)
    assert report.left == {}
    assert rows("SELECT sum(n)::int FROM tm_log_block") == [(51,)]
    assert rows("SELECT relname FROM pg_class WHERE relname ~ '_p[0-9]+_(new|late|old)$'") == []
