"""What the caller may do: the scope of a key, or the rights of a member of staff."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.core.services.apikeys import KeyVerdict

if TYPE_CHECKING:
    # rest_framework.views loads this module while it is itself loading.
    from rest_framework.views import APIView

_ALIASES: Final = {"HEAD": "GET", "OPTIONS": "GET"}


class HasScope(BasePermission):
    """Keys need the view's scope, people need staff and the view's Django permissions.

    A view may set `required_scopes` (method → scope; without it safe methods need `read`, others
    `operate`) and `required_permissions` (method → one or more of Django's permissions).
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """False makes DRF answer 401 to the unknown and 403 to the known."""
        method = _ALIASES.get(request.method or "", request.method or "")
        if isinstance(request.auth, KeyVerdict):
            # An unknown method is for the 405 that follows.
            unknown = method.lower() not in view.http_method_names or not hasattr(
                view, method.lower()
            )
            return unknown or required_scope(view, method) in request.auth.scopes
        user = request.user
        if not (user and user.is_authenticated and user.is_active and user.is_staff):
            return False
        return all(user.has_perm(name) for name in permissions_of(view, method))


def required_scope(view: Any, method: str) -> str:
    """The scope a key needs to call `method` of this view."""
    default = "read" if method in SAFE_METHODS else "operate"
    scopes: Mapping[str, str] = getattr(view, "required_scopes", {})
    return scopes.get(method, default)


def permissions_of(view: Any, method: str) -> Iterable[str]:
    """Django's permissions that a member of staff needs to call `method` of this view."""
    wanted: str | Iterable[str] = getattr(view, "required_permissions", {}).get(method, ())
    return (wanted,) if isinstance(wanted, str) else wanted
