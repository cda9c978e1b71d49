"""Composition only: settings, urls, asgi, celery, admin site. Nothing imports it."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
