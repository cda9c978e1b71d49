"""Truths about how the portal is set up that its operator should hear."""

import ipaddress
from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security, deploy=True)
def plain_http(**_: Any) -> list[checks.CheckMessage]:
    """Whether others may come without TLS."""
    if settings.PHAROS_URL.startswith("https://") or _is_loopback(settings.PHAROS_HOST):
        return []
    return [
        checks.Warning(
            "The portal listens to other machines, and people come without TLS.",
            hint="Set PHAROS_TLS_CERT and PHAROS_TLS_KEY or put a proxy in front, then "
            "PHAROS_URL=https://…",
            id="core.W001",
        )
    ]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
