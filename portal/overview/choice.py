"""Which service and range a request of the Overview means."""

from django.http import QueryDict

from apps.core.charts import Window
from apps.core.charts.board import chosen
from apps.core.errors import NotFoundError
from apps.core.rangepicker import Choice
from apps.monitoring.queries.services import is_known

OWN = "pharos"


def service_of(query: QueryDict) -> str:
    """The service of `?service=…`. Raises NotFoundError."""
    service = query.get("service", OWN)
    if service != OWN and not is_known(service):
        raise NotFoundError(f"No service called {service[:100]!r} has sent anything yet.")
    return service


def choose(query: QueryDict) -> tuple[str, Choice, Window, int]:
    """Service, range, window and plot width of an address.

    Raises InvalidInputError, NotFoundError.
    """
    return service_of(query), *chosen(query, "now-15m")
