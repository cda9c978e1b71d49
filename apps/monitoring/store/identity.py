"""Who Pharos itself is, as a telemetry resource."""

import os
import socket
from functools import cache
from typing import Final

from apps.monitoring.store.rows import Resource

ROLES: Final = ("web", "worker", "beat", "cli")


def role() -> str:
    """This process's role: web, worker, beat or cli (PHAROS_ROLE, set by the launcher)."""
    named = os.environ.get("PHAROS_ROLE", "cli")
    return named if named in ROLES else "cli"


def own_resource() -> Resource:
    """The resource of this process's own telemetry.

    Host and role name the instance, not the pid: a restart continues its series.
    """
    return _resource(role())


@cache
def _resource(of_role: str) -> Resource:
    host = socket.gethostname()
    return Resource(
        {
            "service.name": "pharos",
            "service.instance.id": f"{host}-{of_role}",
            "host.name": host,
        }
    )
