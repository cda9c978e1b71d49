"""Nothing that watches in the background outlives its test."""

import pytest

from apps.core.health import registry


@pytest.fixture(autouse=True)
def _no_watch_left(request):
    yield
    assert registry.stop(wait_s=15)
