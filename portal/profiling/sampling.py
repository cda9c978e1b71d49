"""Which requests are profiled. Imports nothing of silk: settings name it, on or off."""

import random

from django.conf import settings
from django.http import HttpRequest


def chosen(request: HttpRequest) -> bool:
    """Whether to profile: so many in a hundred, and only what staff ask for themselves."""
    # The dice first: asking who it is costs a query.
    if random.random() * 100 >= settings.PHAROS_PROFILING_PERCENT:  # noqa: S311 (no secret hangs on it)
        return False
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_staff
