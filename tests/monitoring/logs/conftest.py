"""An empty store."""

from tests.monitoring.api.conftest import key, reader  # noqa: F401 (fixtures)
from tests.monitoring.store.conftest import rows, store  # noqa: F401 (fixtures)
