"""Running producers in threads; every failure becomes an answer."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import orjson
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.core.errors import PortalError
from apps.core.live.messages import Produced
from apps.core.live.topics import Topic

logger = logging.getLogger(__name__)
_THREADS: Final = 2


class Producers:
    """A few threads for all topics of a process: watching many must not starve the pages."""

    def __init__(self, threads: int = _THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="live")

    def start(self, topic: Topic) -> "asyncio.Future[Produced]":
        """One run; the future never fails."""
        return asyncio.get_running_loop().run_in_executor(self._pool, _produce, topic)

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _produce(topic: Topic) -> Produced:
    try:
        close_old_connections()
        return Produced(data=orjson.dumps(topic.produce(), option=orjson.OPT_NON_STR_KEYS))
    except PortalError as error:
        return Produced(code=error.code, message=error.message)
    except (DatabaseError, InterfaceError):
        logger.warning("A live topic lost the database", extra={"topic": topic.name}, exc_info=True)
        return Produced(code="database", message="The database does not answer.")
    except Exception:
        logger.exception("A live topic failed", extra={"topic": topic.name})
        return Produced(code="failed", message="The figures cannot be computed right now.")
    finally:
        close_old_connections()
