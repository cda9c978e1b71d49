"""The health check of alerting: would a page get through?"""

import dataclasses

from django.db import DatabaseError, connection
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from apps.alerts.services import deadman
from apps.core.health import register


@dataclasses.dataclass
class Alerting(HealthCheck):  # type: ignore[misc]
    """A heartbeat left the evaluation a moment ago, and no stage of the path is late."""

    def run(self) -> None:  # type: ignore[override,unused-ignore]
        """Raises ServiceUnavailable when pages may not get through."""
        try:
            trouble = deadman.heart().trouble
        except DatabaseError as error:
            raise ServiceUnavailable("The heartbeat could not be read.") from error
        finally:
            # The thread of a watch has no request at whose end Django would do this.
            connection.close()
        if trouble:
            raise ServiceUnavailable(trouble)


register(Alerting(), critical=False, timeout_s=5, name="alerting")
