"""How much each class of caller may ask."""

from dataclasses import dataclass
from typing import Final

from django.conf import settings

from apps.core.models import Tier


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` units in any `window_s` seconds, whatever second the window begins at."""

    name: str
    quota: int
    window_s: int = 60


ANONYMOUS: Final = "anonymous"
SESSION: Final = "session"


def policy_for(kind: str) -> Policy:
    """The policy of a tier, of `SESSION` or of `ANONYMOUS`; an unknown tier counts as standard."""
    quotas: dict[str, int] = settings.PHAROS_RATE_LIMITS
    name = kind if kind in (Tier.PREMIUM, SESSION) else "default"
    return Policy(name, quotas.get(kind, quotas[Tier.STANDARD]))
