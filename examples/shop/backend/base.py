"""What `ENGINE` names."""

from typing import Any

from django.db.backends.postgresql import base
from opentelemetry import trace

_tracer = trace.get_tracer("examples.shop")


class DatabaseWrapper(base.DatabaseWrapper):
    """Says how long a request waited for its connection; nothing else does."""

    def get_new_connection(self, conn_params: Any) -> Any:
        size = (self.settings_dict["OPTIONS"].get("pool") or {}).get("max_size", 0)
        told = {"db.client.connection.pool.name": "default", "db.client.connection.max": size}
        with _tracer.start_as_current_span("pool.acquire", attributes=told):
            return super().get_new_connection(conn_params)
