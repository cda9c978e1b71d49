"""What makes no sense in a tree of routes, told before it is stored."""

from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.alerts.matchers import Matcher, contradiction
from apps.alerts.models.route import EVERY_LABEL, Receiver, Route
from apps.core.errors import InvalidInputError

_DEEPEST: Final = 20


def problems(route: Route) -> dict[str, str]:
    """Why this route must not be stored, by field; empty when it may."""
    found: dict[str, str] = {}
    parent = _parent_problem(route)
    if parent:
        found["parent"] = parent
    grouping = _group_by_problem(route.group_by)
    if grouping:
        found["group_by"] = grouping
    try:
        own = route.matchers
    except InvalidInputError as error:
        return {**found, "stored_matchers": str(error)}
    if not parent:
        matching = _matchers_problem(route, own)
        if matching:
            found["stored_matchers"] = matching
    return found


def warnings(receiver: Receiver) -> list[str]:
    """What is allowed and hardly meant."""
    if receiver.policy_id is None and not receiver.channels.filter(enabled=True).exists():
        text = _(
            "This receiver has no channel that is switched on, and no policy: it tells nobody."
        )
        return [text]
    return []


def _parent_problem(route: Route) -> str:
    if route.parent_id is None:
        root = Route.objects.filter(parent__isnull=True).exclude(pk=route.pk)
        return _("There is a root already; choose a parent.") if root.exists() else ""
    above: list[Any] = []
    row: Route | None = route.parent
    while row is not None:
        if row.pk == route.pk or row.pk in above:
            return _("A route cannot be below itself.")
        above.append(row.pk)
        if len(above) > _DEEPEST:
            return _("The tree is deeper than %(n)d.") % {"n": _DEEPEST}
        row = row.parent
    return ""


def _group_by_problem(names: list[str] | None) -> str:
    if names is None:
        return ""
    if any(not name or name != name.strip() or "\0" in name or "=" in name for name in names):
        return _("A label name is missing or holds what no name has.")
    if len(set(names)) != len(names):
        return _("A label is named twice.")
    if EVERY_LABEL in names and len(names) > 1:
        return _("`...` stands for every label and stands alone.")
    return ""


def _matchers_problem(route: Route, own: tuple[Matcher, ...]) -> str:
    if route.parent_id is None:
        return _("The root takes every alert and has no matchers.") if own else ""
    if not route.enabled:
        return ""
    for earlier in _siblings(route):
        if _before(earlier, route) and not earlier.goes_on and set(earlier.matchers) <= set(own):
            return _("No alert can come here: “%(name)s” before it takes them all.") % {
                "name": earlier.name
            }
    if not own:
        return _unconditional_problem(route)
    return _contradiction_problem(route, own)


def _contradiction_problem(route: Route, own: tuple[Matcher, ...]) -> str:
    above: list[Matcher] = []
    row: Route | None = route.parent
    while row is not None and row.parent_id is not None:
        above += row.matchers
        row = row.parent
    why = contradiction([*above, *own])
    return _("No alert can come here: %(why)s") % {"why": why} if why else ""


def _unconditional_problem(route: Route) -> str:
    later = [one.name for one in _siblings(route) if not _before(one, route)]
    if later and not route.goes_on:
        return _("Without matchers it takes every alert, and none is left for: %(names)s.") % {
            "names": ", ".join(later)
        }
    return ""


def _siblings(route: Route) -> Iterable[Route]:
    return Route.objects.filter(parent=route.parent_id, enabled=True).exclude(pk=route.pk)


def _before(one: Route, other: Route) -> bool:
    # A new route gets the highest number of all.
    return (one.position, one.pk) < (other.position, other.pk or 1 << 62)
