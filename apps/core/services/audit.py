"""Write the audit trail, and let it end after its retention."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from apps.core import caller, request_id
from apps.core.masking import mask
from apps.core.models import AuditEntry
from apps.core.text import storable

_AT_ONCE: Final = 5000
_LONGEST_TEXT: Final = 4096
_MOST_ITEMS: Final = 500
_plain = DjangoJSONEncoder().default
State = Mapping[str, Any] | None


def record(
    actor: str,
    action: str,
    target: str,
    before: State = None,
    after: State = None,
) -> AuditEntry:
    """Note one change in the caller's transaction: it and its trace are stored together or not.

    `action` reads `<noun>.<verb>`. Fields that look like secrets are masked here, whoever calls.
    """
    return AuditEntry.objects.create(
        actor=_text(actor, 255) or caller.SYSTEM,
        action=_text(action, 64),
        target=_text(target, 255),
        before=_state(before),
        after=_state(after),
        request_id=request_id.current() or "",
        remote_address=caller.address(),
    )


def prune() -> int:
    """Delete a bounded number of entries past `PHAROS_AUDIT_DAYS`; how many there were."""
    until = timezone.now() - timedelta(days=settings.PHAROS_AUDIT_DAYS)
    with transaction.atomic(), connection.cursor() as cursor:
        # The trigger lets only who says this delete anything; it ends with the transaction.
        cursor.execute("SET LOCAL pharos.audit_retention = 'on'")
        cursor.execute(
            "DELETE FROM core_auditentry WHERE id IN (SELECT id FROM core_auditentry"
            " WHERE at < %s ORDER BY at LIMIT %s)",
            [until, _AT_ONCE],
        )
        gone: int = cursor.rowcount
        cursor.execute("SET LOCAL pharos.audit_retention = 'off'")
    return gone


def _state(state: State) -> dict[str, Any] | None:
    if state is None:
        return None
    shown: dict[str, Any] = _clean(mask(_jsonable(dict(state))))
    return shown


def _jsonable(value: Any) -> Any:
    """What `mask` would turn into Python's idea of a text (dates, decimals), as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(item) for item in list(value)[:_MOST_ITEMS]]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    try:
        return _plain(value)
    except TypeError:
        return str(value)


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(key, 255): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):  # noqa: PLR0124
        return str(value)
    return _text(value, _LONGEST_TEXT) if isinstance(value, str) else value


def _text(text: str, longest: int) -> str:
    """What PostgreSQL takes as text: no NUL, no half of a surrogate pair, bounded."""
    sound = storable(str(text))
    return sound if len(sound) <= longest else sound[: longest - 1] + "…"
