"""Where a request comes from, told only by those who may be believed.

Anyone can write X-Forwarded-For. It is read from the right, and only as far as proxies named in
`PHAROS_TRUSTED_PROXIES` wrote it: the first address that is not one of them is the client.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from apps.core.asgi.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# A longer chain of proxies is a forged header.
_MOST_HOPS: Final = 16


def client_address(request: HttpRequest) -> str | None:
    """The client's numeric address; None where the server knows none (a Unix socket)."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return _address(str(request.META.get("REMOTE_ADDR", "")), forwarded)


def client_address_of(scope: Scope) -> str | None:
    """The same on the event loop, from an ASGI scope."""
    nearest = (scope.get("client") or ("",))[0]
    lines = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    return _address(str(nearest), b",".join(lines).decode("latin-1"))


def _address(nearest: str, forwarded: str) -> str | None:
    address = _parse(nearest)
    if address is None:
        return None
    trusted: Sequence[Network] = settings.PHAROS_TRUSTED_PROXIES
    if trusted and _among(address, trusted):
        address = _behind(address, forwarded, trusted)
    return str(address)


def network_of(address: str | None) -> str:
    """What limits count by: an IPv4 address, the /64 of an IPv6 one, a word where none is known.

    One household or server has a whole /64 to pick addresses from.
    """
    parsed = _parse(address or "")
    if parsed is None:
        return "unknown"
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Network((int(parsed) >> 64 << 64, 64)))


def _behind(nearest: Address, header: str, trusted: Sequence[Network]) -> Address:
    found = nearest
    for text in reversed(header.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
        hop = _parse(text)
        if hop is None:
            # What stands further left was written by whoever wrote this nonsense.
            return found
        found = hop
        if not _among(hop, trusted):
            return found
    return found


def _among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    """An address as proxies write it: alone, with a port, in brackets, IPv4 inside IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
