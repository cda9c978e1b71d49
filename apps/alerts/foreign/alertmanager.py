"""What Prometheus' Alertmanager would answer: alerts, silences and status of its API v2."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from apps.alerts import matchers as language
from apps.alerts.foreign.sources import RESOLVE_TIMEOUT
from apps.alerts.foreign.told import ALERTNAME
from apps.alerts.machine import OPEN
from apps.alerts.matchers import Matcher, all_match, labels_of
from apps.alerts.models import Episode, ForeignAlert, Silence, SilenceState
from apps.alerts.services import silences
from apps.alerts.suppression import Suppression, judge
from apps.core.clock import db_now
from apps.core.errors import InvalidInputError, NotFoundError

MOST: Final = 2000
_KINDS_OF_SILENCE: Final = ("silenced", "acknowledged", "muted")


def alerts(filters: Iterable[str], shown: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Open alerts, ours and foreign, whose labels pass the filters; at most `MOST`, newest first.

    `shown`: whether `active`, `silenced` and `inhibited` ones are. Raises InvalidInputError.
    """
    wanted = _read(filters)
    rows = list(Episode.objects.filter(state__in=OPEN).order_by("-fired_at", "-pk")[:MOST])
    rows = [row for row in rows if all_match(wanted, labels_of(row))]
    now = db_now()
    verdicts = judge(rows, now)
    found = [(row, verdicts.get(row.pk)) for row in rows]
    living = {
        one.episode_id: one for one in ForeignAlert.objects.filter(episode__in=[r.pk for r in rows])
    }
    return [
        _alert(row, verdict, living.get(row.pk), now)
        for row, verdict in found
        if shown.get(_group(verdict), True)
    ]


def listing(filters: Iterable[str]) -> list[dict[str, Any]]:
    """Silences whose matchers pass the filters; those that are over for five days at most.

    A filter asks for a matcher of that name by its value, as Alertmanager's does.
    """
    wanted = _read(filters)
    since = db_now() - timedelta(days=5)
    rows = Silence.objects.filter(ends_at__gte=since).order_by("-starts_at", "-id")[:MOST]
    told = [(row, state) for row, state in silences.states(rows) if _asked_for(row, wanted)]
    return [_silence(row, state) for row, state in told]


def one_silence(key: UUID) -> dict[str, Any]:
    """One silence. Raises NotFoundError."""
    row = _find(key)
    return _silence(row, row.state_at(db_now()))


def expire(key: UUID, by: str) -> None:
    """End a silence. Raises NotFoundError."""
    silences.expire(_find(key), by)


def silence(told: Mapping[str, Any], by: str) -> str:
    """Make or change a silence; the id of the one in force. Raises InvalidInputError and others."""
    wish = silences.Wish(
        matchers=[str(_matcher(one)) for one in told["matchers"]],
        ends_at=told["endsAt"],
        comment=told["comment"],
        starts_at=told["startsAt"],
    )
    key = str(told.get("id") or "")
    if key:
        try:
            return str(silences.change(_find(UUID(key)), wish, by).pk)
        except ValueError:
            raise NotFoundError("There is no such silence.") from None
    return str(silences.create(wish, by).pk)


def status(started: datetime, version: str) -> dict[str, Any]:
    """What is true of Alertmanager's status here."""
    return {
        "cluster": {"status": "disabled", "peers": []},
        "config": {"original": f"global:\n  resolve_timeout: {RESOLVE_TIMEOUT.seconds // 60}m\n"},
        "uptime": started,
        "versionInfo": {
            "version": version, "branch": "", "revision": "", "buildDate": "", "buildUser": "",
            "goVersion": "",
        },
    }  # fmt: skip


def _alert(
    row: Episode, verdict: Suppression | None, living: ForeignAlert | None, now: datetime
) -> dict[str, Any]:
    group = _group(verdict)
    cause = [verdict.by.partition(":")[2] or verdict.by] if verdict is not None else []
    return {
        "labels": {**{key: str(value) for key, value in row.labels.items()},
                   ALERTNAME: row.rule_name, "severity": row.severity},
        "annotations": dict(living.annotations) if living else _annotations(row),
        "startsAt": row.started_at,
        "endsAt": living.ends_at if living else now + RESOLVE_TIMEOUT,
        "updatedAt": living.updated_at if living else row.updated_at,
        "fingerprint": (row.fingerprint or row.pk.hex)[:16],
        "generatorURL": row.external_url,
        "receivers": [{"name": "pharos"}],
        "status": {
            "state": "active" if verdict is None else "suppressed",
            "silencedBy": cause if group == "silenced" else [],
            "inhibitedBy": cause if group == "inhibited" else [],
        },
    }  # fmt: skip


def _annotations(row: Episode) -> dict[str, str]:
    return {"summary": row.summary} if row.summary else {}


def _group(verdict: Suppression | None) -> str:
    if verdict is None:
        return "active"
    return "silenced" if verdict.kind in _KINDS_OF_SILENCE else "inhibited"


def _silence(row: Silence, state: SilenceState) -> dict[str, Any]:
    return {
        "id": str(row.pk), "status": {"state": str(state)}, "updatedAt": row.created_at,
        "matchers": [
            {"name": one.name, "value": one.value, "isRegex": "~" in one.op,
             "isEqual": not one.op.startswith("!")}
            for one in row.matchers
        ],
        "startsAt": row.starts_at, "endsAt": row.ends_at, "createdBy": row.created_by,
        "comment": row.comment,
    }  # fmt: skip


def _matcher(told: Mapping[str, Any]) -> Matcher:
    kind = "~" if told["isRegex"] else ""
    op = ("=" + kind) if told["isEqual"] else ("!" + (kind or "="))
    return language.checked(Matcher(told["name"], op, told["value"]))


def _asked_for(row: Silence, wanted: Sequence[Matcher]) -> bool:
    return all_match(wanted, {one.name: one.value for one in row.matchers}) if wanted else True


def _read(filters: Iterable[str]) -> list[Matcher]:
    found = [one for text in filters for one in language.parse(text)]
    if len(found) > language.MOST:
        raise InvalidInputError(f"At most {language.MOST} filters can be asked for.")
    return found


def _find(key: UUID) -> Silence:
    row = Silence.objects.filter(pk=key).first()
    if row is None:
        raise NotFoundError("There is no such silence.")
    return row
