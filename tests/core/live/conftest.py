"""Signed-in viewers, and servers of their own for tests that break them."""

from collections.abc import Iterator

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client

from tests.conftest import STAFF_PASSWORD
from tests.core.live.viewers import OwnRedis, Portal


@pytest.fixture
def account(transactional_db) -> User:
    """A superuser the real server sees, since the row is committed."""
    return User.objects.create_superuser("watcher", "watcher@example.com", STAFF_PASSWORD)


@pytest.fixture
def cookie(account: User) -> str:
    """The session cookie of `account`."""
    client = Client()
    client.force_login(account)
    return client.cookies["sessionid"].value


@pytest.fixture
def session(cookie: str) -> Session:
    return Session.objects.get(session_key=cookie)


@pytest.fixture
def own_redis(tmp_path_factory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield server
    server.thaw()
    server.kill()


@pytest_asyncio.fixture
async def portals(own_redis):
    """`portals()` gives one more process of the same portal, on `own_redis`."""
    made: list[Portal] = []

    def one(**more) -> Portal:
        made.append(Portal(own_redis.url, **more))
        return made[-1]

    yield one
    for portal in made:
        await portal.hub.close()


@pytest_asyncio.fixture
async def thread_closed():
    """Closes the connection of the thread in which asynchronous code asks the database."""
    yield
    await sync_to_async(connections.close_all)()
