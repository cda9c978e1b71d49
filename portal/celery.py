"""The Celery application: queues high, default and low; beat is only its clock."""

import os
import sys
from typing import Any, Self

from celery import Celery, signals
from celery.app.amqp import AMQP
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class _Broker(Connection):
    """A connection that survives the end of its broker, and is back a second after it."""

    def _do_close_transport(self) -> None:
        # Kombu's takes the address away from the lost channel, which is then asked for its messages
        # in flight, fails for the want of it, and ends the worker.
        self._transport = None

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Self:
        """Try every second: kombu's pauses grow to half a minute, in which no rule is judged."""
        pauses = {"interval_start": 1, "interval_step": 0, "interval_max": 1}
        return super().ensure_connection(*args, **{**pauses, **kwargs})


class _Amqp(AMQP):
    Connection = _Broker


app = Celery("portal", amqp=_Amqp)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect(dispatch_uid="portal.switch_interval")
def _share_the_interpreter(**_: Any) -> None:
    # A page is a hundred short answers of the database; at Python's 5 ms each would wait so long
    # for every thread that computes.
    sys.setswitchinterval(0.001)
