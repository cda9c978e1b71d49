"""The empty store, and ways to fill it with days that are over."""

from tests.monitoring.store.conftest import rows, store  # noqa: F401 (fixtures)
