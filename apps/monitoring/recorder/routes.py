"""Route templates: what a request is counted under, never its raw path."""

import re
from functools import lru_cache
from typing import Final

UNMATCHED: Final = "unmatched"
STATIC: Final = "/static/{path}"
_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@lru_cache(maxsize=4096)
def template(route: str) -> str:
    """A Django route as OpenTelemetry's `http.route`: `/admin/auth/user/{object_id}/change/`."""
    # Loads much of the admin: not at start, and never before the apps are ready.
    from django.contrib.admindocs.views import simplify_regex

    return _PARAMETER.sub(r"{\1}", simplify_regex(route))


def name(route: str | None, *, static: bool) -> str:
    """The template, or one word for all that matched nothing."""
    if route is not None:
        return template(route)
    return STATIC if static else UNMATCHED
