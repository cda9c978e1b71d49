"""Callers of the test endpoints."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.core.services import apikeys
from tests.core.api.urls import T0


@pytest.fixture
def reader(db):
    """A program with a key of scope read."""
    _, secret = apikeys.create("reader", ["read"])
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


@pytest.fixture
def people(db):
    """250 people, many of whom joined at one moment."""
    from datetime import timedelta

    User.objects.bulk_create(
        User(
            username=f"p{n:03}",
            last_name="",
            is_staff=n % 3 == 0,
            date_joined=T0 + timedelta(seconds=n // 60),
            last_login=None if n % 2 else T0 + timedelta(days=n % 7),
        )
        for n in range(250)
    )
    return User.objects
