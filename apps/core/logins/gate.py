"""Five failures a minute for an address, and for an account.

Each attempt takes its place before the password is looked at and gives it back when the password
was right, so that many at once get no more than five. Whoever hammers an account uses up only the
places of strangers: a device on which the account signed in before has its own, and so has an
address for the account (its address limit stays). An account that does not exist is counted alike.
"""

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from apps.core import caller
from apps.core.client_address import client_address, network_of
from apps.core.logins import devices
from apps.core.ratelimit import Policy, Verdict, limiter
from apps.core.services import audit
from apps.core.signins import known_or_digest

POLICY: Final = Policy("login", 5, 60)
# Refusals come by the thousand; the trail tells once a minute that they do.
_TOLD: Final = Policy("login-told", 1, 60)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in. `refusal` says that it may not be made now, and when it may."""

    request: HttpRequest
    account: str
    taken: tuple[tuple[str, Verdict], ...]
    refusal: Verdict | None = None

    def succeeded(self) -> None:
        """The password was right: it costs nobody anything."""
        _give_back(self.taken)


def attempt(request: HttpRequest, account: str) -> Attempt:
    """Take the places an attempt needs, all of them or none."""
    taken: list[tuple[str, Verdict]] = []
    for key in _keys(request, account):
        verdict = limiter.take(key, POLICY)
        if not verdict.allowed:
            _give_back(taken)
            _record(key, account)
            return Attempt(request, account, (), verdict)
        taken.append((key, verdict))
    return Attempt(request, account, tuple(taken))


def _keys(request: HttpRequest, account: str) -> list[str]:
    device = devices.device_of(request, account)
    if device is not None:
        # Not even by its address: a stranger behind the same router must not shut it out.
        return [f"device:{devices.digest(account)}:{devices.digest(device)}"]
    address = client_address(request)
    network = f"network:{devices.digest(network_of(address))}"
    if devices.is_familiar(account, address):
        return [network, f"place:{devices.digest(account)}:{devices.digest(str(address))}"]
    return [network, f"account:{devices.digest(account)}"]


def _give_back(taken: "list[tuple[str, Verdict]] | tuple[tuple[str, Verdict], ...]") -> None:
    for key, verdict in taken:
        limiter.give_back(key, POLICY, verdict)


def _record(key: str, account: str) -> None:
    if limiter.take(key, _TOLD).allowed:
        audit.record(caller.ANONYMOUS, "login.refused", known_or_digest(account))
