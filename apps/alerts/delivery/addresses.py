"""Which addresses of a webhook's host are tried.

The address that was checked is the address that is connected to, so a name that resolves
differently the second time gains nothing.
"""

import socket
from typing import Final

from apps.core.addresses import may_be_asked

_TRIED: Final = 3


class ForbiddenAddressError(Exception):
    """The name leads only to addresses that are never reached."""


def resolve(host: str, port: int) -> list[str]:
    """Up to three addresses to try. Raises OSError when the name is unknown."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    allowed = [address for address in addresses if may_be_asked(address)]
    if not allowed:
        raise ForbiddenAddressError(
            "The address is link-local, multicast or unspecified; webhooks are not sent there."
        )
    return allowed[:_TRIED]
