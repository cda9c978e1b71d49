"""The pool under bursts: no job is forgotten, and jobs that wait do so side by side."""

import asyncio
import sys
import threading

import pytest

from apps.core.asgi.pool import Pool


@pytest.fixture
def hasty():
    """Threads change places as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_no_job_is_forgotten_however_threads_interleave(hasty, threads):
    async def client(pool, results):
        for number in range(300):
            results.append(await asyncio.wait_for(pool.run(lambda n=number: n), 20))
            if number % 7 == 0:
                await asyncio.sleep(0)

    async def clients():
        pool, results = Pool(threads, 1000), []
        await asyncio.gather(*(client(pool, results) for _ in range(12)))
        assert await pool.drain(20)
        return results

    assert sorted(asyncio.run(clients())) == sorted([*range(300)] * 12)


def test_jobs_of_one_burst_that_wait_do_so_side_by_side():
    meeting = threading.Barrier(8, timeout=20)

    async def burst():
        pool = Pool(8, 100)
        places = await asyncio.gather(*(pool.run(meeting.wait) for _ in range(8)))
        assert await pool.drain(20)
        return places

    assert sorted(asyncio.run(burst())) == list(range(8))
