"""Say that one service depends on another, without ever closing a circle."""

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.alerts.models import Dependency
from apps.alerts.suppression.depending import Graph, graph
from apps.core.errors import InvalidInputError


def add(child: str, parent: str) -> Dependency:
    """The edge, new or as it was. Raises InvalidInputError when it would close a circle."""
    with transaction.atomic():
        check(child, parent)
        row, _new = Dependency.objects.update_or_create(
            child=child, parent=parent, defaults={"enabled": True}
        )
    return row


def check(child: str, parent: str) -> None:
    """Raises InvalidInputError when this edge would close a circle.

    Belongs in the transaction that stores it: it holds off all others, because two edges that are
    each harmless can close one together.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('alerts.dependency', 0))")
    found = way(graph(), parent, child)
    if found:
        raise InvalidInputError(
            _("This would close a circle: %(way)s.") % {"way": " → ".join([child, *found])},
            {"parent": [_("It depends on this service itself.")]},
        )


def way(edges: Graph, start: str, goal: str) -> list[str]:
    """The services from `start` to `goal` along what they depend on; empty: there is no way."""
    came_from: dict[str, str] = {start: ""}
    left = [start]
    while left:
        service = left.pop(0)
        if service == goal:
            found = [service]
            while came_from[found[0]]:
                found.insert(0, came_from[found[0]])
            return found
        for parent in sorted(edges.get(service, ())):
            if parent not in came_from:
                came_from[parent] = service
                left.append(parent)
    return []
