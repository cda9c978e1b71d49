"""Which addresses the portal asks on somebody's behalf.

What is watched and told inside the network is the normal case of a self-hosted portal, so private
addresses are allowed. Never asked: link-local ones (cloud metadata services), multicast and
unspecified ones, in whichever form they are written.

The address that was checked is the address to connect to: a name that resolves differently the
second time gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

# Amazon's metadata service over IPv6 is in the unique-local range; Alibaba's is a shared address.
_METADATA: Final = frozenset({"fd00:ec2::254", "100.100.100.200"})
_TRIED: Final = 3
# Translators take the last 32 bits for an IPv4 address (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")
# ::a.b.c.d, deprecated and still understood by some systems.
_COMPATIBLE: Final = IPv6Network("::/96")


class ForbiddenAddressError(Exception):
    """The name leads only to addresses that are never reached."""


def resolve(host: str, port: int) -> list[str]:
    """Up to three numeric addresses to try.

    Raises OSError when the name is unknown, ForbiddenAddressError when none may be asked.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    allowed = [address for address in addresses if may_be_asked(address)]
    if not allowed:
        raise ForbiddenAddressError(
            "The address is link-local, multicast or unspecified; nothing is sent there."
        )
    return allowed[:_TRIED]


def may_be_asked(address: str) -> bool:
    """Whether requests may go to this numeric address. Raises ValueError when it is none."""
    ip = ip_address(address.partition("%")[0])
    return not any(_refused(form) for form in (ip, _inner(ip)) if form is not None)


def _refused(ip: IPv4Address | IPv6Address) -> bool:
    never = ip.is_link_local or ip.is_multicast or ip.is_unspecified
    return never or str(ip) in _METADATA


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if any."""
    if isinstance(ip, IPv4Address):
        return None
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
