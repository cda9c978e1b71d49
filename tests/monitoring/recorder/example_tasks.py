"""Tasks for the recorder's tests; a real worker loads them by `--include`."""

import logging

from celery import shared_task
from django.contrib.auth.models import User

logger = logging.getLogger("shop.tasks")


@shared_task(name="tests.order")
def order(number):
    User.objects.count()
    logger.info("order %s placed", number)
    return number


@shared_task(name="tests.fail")
def fail():
    raise LookupError("no such order")


@shared_task(name="tests.again", bind=True, max_retries=1)
def again(self):
    raise self.retry(exc=OSError("not yet"), countdown=0)


@shared_task(name="tests.outer")
def outer():
    order.apply(args=(2,))
