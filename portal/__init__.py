"""Composition only: settings, urls, asgi, celery, admin site. Nothing imports it."""

import gc

# Loading makes 350 000 objects that stay. Searched for garbage at every 700th, they cost a fifth of
# each process's start.
gc.set_threshold(10_000, 10, 10)

# ruff: noqa: E402
from portal.celery import app as celery_app

__all__ = ["celery_app"]
