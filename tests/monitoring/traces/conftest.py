"""Traces in a real store."""

from tests.monitoring.api.conftest import key, reader  # noqa: F401
from tests.monitoring.store.conftest import rows, store  # noqa: F401
