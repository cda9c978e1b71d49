"""What another system says of one alert, read from its JSON and bounded. No database.

Alertmanager's API v2 and its webhook (version 4) share the shape of an alert; times are RFC 3339,
and the year 1 stands for "not known", as Go writes it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from django.utils.encoding import DjangoUnicodeDecodeError

from apps.alerts.machine import Severity
from apps.core.errors import InvalidInputError

MOST_ALERTS: Final = 2000
MOST_LABELS: Final = 64
LONGEST_NAME: Final = 255
LONGEST_VALUE: Final = 4096
_MOST_PROBLEMS: Final = 10
ALERTNAME: Final = "alertname"
_CRITICAL: Final = frozenset(
    {"critical", "page", "fatal", "emergency", "disaster", "high", "error", "p1", "sev1"}
)
_NOT_KNOWN: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as it was told. `ends_at` None: nobody said when; `starts_at` None likewise."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    url: str = ""

    @property
    def fingerprint(self) -> str:
        """The identity of its label set, whatever their order."""
        parts = (f"{len(k)}:{k}={len(v)}:{v}" for k, v in sorted(self.labels.items()))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.labels.get(ALERTNAME, "") or "alert"

    @property
    def severity(self) -> Severity:
        """Ours for the sender's word; a word nobody knows is a warning."""
        word = self.labels.get("severity", "").strip().lower()
        return Severity.CRITICAL if word in _CRITICAL else Severity.WARNING

    @property
    def summary(self) -> str:
        """What the sender says of it, the shortest first."""
        said = (self.annotations.get(key, "") for key in ("summary", "message", "description"))
        return next((text for text in said if text), "")[:2000]


Problems = list[str]


def read_many(
    body: Any, one: Callable[[Any, str], Told], where: str = ""
) -> tuple[list[Told], Problems]:
    """Every alert that can be read, and why others cannot. One bad alert must not lose the rest.

    Raises InvalidInputError when the body is no list, or too long a one.
    """
    if not isinstance(body, list):
        raise InvalidInputError(f"{where or 'The body'} is not a list of alerts.")
    if len(body) > MOST_ALERTS:
        raise InvalidInputError(f"At most {MOST_ALERTS} alerts can be told at once.")
    read: list[Told] = []
    problems: Problems = []
    for number, raw in enumerate(body):
        try:
            read.append(one(raw, f"{where}[{number}]"))
        except InvalidInputError as error:
            problems.append(error.message)
    return read, problems


def refuse(problems: Problems) -> None:
    """Raise InvalidInputError when there are problems; a few of them are told."""
    if problems:
        raise InvalidInputError(
            problems[0], {"problems": problems[:_MOST_PROBLEMS], "refused": len(problems)}
        )


def read_alert(raw: Any, where: str) -> Told:
    """One alert of Alertmanager's API v2. Raises InvalidInputError that names the field."""
    if not isinstance(raw, dict):
        raise InvalidInputError(f"{where} is not an alert.")
    labels = texts(raw.get("labels"), f"{where}.labels")
    labels = {name: value for name, value in labels.items() if value}
    if not labels:
        raise InvalidInputError(f"{where}.labels: an alert needs a label with a value.")
    starts = moment(raw.get("startsAt"), f"{where}.startsAt")
    ends = moment(raw.get("endsAt"), f"{where}.endsAt")
    if starts is not None and ends is not None and ends < starts:
        raise InvalidInputError(f"{where}.endsAt lies before its startsAt.")
    return Told(
        labels,
        texts(raw.get("annotations"), f"{where}.annotations"),
        starts,
        ends,
        link(raw.get("generatorURL")),
    )


def read_webhook_alert(raw: Any, where: str) -> Told:
    """One alert of Alertmanager's webhook: one that fires has no end, whatever it says."""
    told = read_alert(raw, where)
    status = raw.get("status")
    if status not in ("firing", "resolved"):
        raise InvalidInputError(f"{where}.status is neither firing nor resolved.")
    if status == "firing":
        return replace(told, ends_at=None)
    return told if told.ends_at is not None else replace(told, ends_at=told.starts_at or _NOT_KNOWN)


def texts(raw: Any, where: str) -> dict[str, str]:
    """An object of texts, bounded; missing is empty. Raises InvalidInputError."""
    if raw is None:
        return {}
    if not isinstance(raw, dict) or len(raw) > MOST_LABELS:
        raise InvalidInputError(f"{where} is not an object of at most {MOST_LABELS} texts.")
    for name, value in raw.items():
        if not isinstance(value, str):
            raise InvalidInputError(f"{where}.{_short(name)} is not text.")
        if not name or len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            raise InvalidInputError(
                f"{where}.{_short(name)}: a name has 1 to {LONGEST_NAME} letters, a value at most"
                f" {LONGEST_VALUE}."
            )
        if not (is_storable(name) and is_storable(value)):
            raise InvalidInputError(f"{where}.{_short(name)} holds what is no text.")
    return dict(raw)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes it: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except (UnicodeEncodeError, DjangoUnicodeDecodeError):
        return False
    return "\0" not in text


def moment(raw: Any, where: str) -> datetime | None:
    """A time in UTC; None where nothing or Go's zero is said. Raises InvalidInputError."""
    if raw is None or raw == "":
        return None
    try:
        found = parse_datetime(raw) if isinstance(raw, str) and len(raw) <= 64 else None
        if found is not None and found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        at = found.astimezone(UTC) if found is not None else None
    except (ValueError, OverflowError):
        at = None if not str(raw).startswith("0001-01-01") else _NOT_KNOWN
    if at is None:
        raise InvalidInputError(f"{where} is not a time such as 2026-01-31T12:00:00Z.")
    return at if at > _NOT_KNOWN else None


def link(raw: Any) -> str:
    """An address people can follow, else empty: nobody loses an alert for a bad link."""
    sound = isinstance(raw, str) and len(raw) <= 2000 and is_storable(raw)  # noqa: PLR2004
    return raw if sound and raw.startswith(("http://", "https://")) else ""


def unique(told: Iterable[Told]) -> dict[str, Told]:
    """By fingerprint, in one order; of two with the same labels the last word counts."""
    found = {one.fingerprint: one for one in told}
    return dict(sorted(found.items()))


def _short(name: str) -> str:
    return name[:60].encode("ascii", "backslashreplace").decode()
