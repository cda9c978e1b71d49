"""Addresses of charts for those who fetch them: signed, public, good for a week."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing

from apps.alerts import conf

_SALT: Final = "alerts.chart"
_WEEK_S: Final = 7 * 86_400
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def url_for(payload: Mapping[str, Any]) -> str:
    """Where the chart of a message can be fetched; "" when nobody outside could reach it."""
    base = conf.base_url()
    if not payload.get("episode") or not payload.get("breaches"):
        return ""
    if not base.startswith("https://") or urlsplit(base).hostname in _LOCAL:
        return ""
    return f"{base}/alerts/chart/{token(UUID(str(payload['episode'])))}.png"


def token(episode: UUID) -> str:
    """A signed word that names an episode and this moment, where its chart ends."""
    now_s = int(datetime.now(UTC).timestamp())
    return signing.dumps([str(episode), now_s], salt=_SALT)


def read(word: str) -> tuple[UUID, datetime] | None:
    """The episode and the moment; None for what was not signed here or is over a week old."""
    try:
        episode, until_s = signing.loads(word, salt=_SALT, max_age=_WEEK_S)
        return UUID(episode), datetime.fromtimestamp(until_s, UTC)
    except (signing.BadSignature, ValueError, TypeError):
        return None
