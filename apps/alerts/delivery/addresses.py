"""Which addresses a webhook may reach.

Receivers inside the network are the normal case of a self-hosted portal, so private addresses are
allowed. Never reached: link-local ones (cloud metadata services), multicast and unspecified ones.
The address that was checked is the address that is connected to, so a name that resolves
differently the second time gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_TRIED: Final = 3
# Amazon's metadata service over IPv6 is in the unique-local range.
_METADATA: Final = frozenset({"fd00:ec2::254", "100.100.100.200"})


class ForbiddenAddressError(Exception):
    """The name leads only to addresses that are never reached."""


def resolve(host: str, port: int) -> list[str]:
    """Up to three addresses to try. Raises OSError when the name is unknown."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    allowed = [address for address in addresses if _allowed(address)]
    if not allowed:
        raise ForbiddenAddressError(
            "The address is link-local, multicast or unspecified; webhooks are not sent there."
        )
    return allowed[:_TRIED]


def _allowed(address: str) -> bool:
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    refused = ip.is_link_local or ip.is_multicast or ip.is_unspecified
    return not refused and str(ip) not in _METADATA
