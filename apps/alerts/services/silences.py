"""Make, change and end silences, and tell beforehand what they would mute."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.collisions import surely
from apps.alerts.machine import OPEN
from apps.alerts.matchers import MOST, Matcher, all_match, labels_of, parse
from apps.alerts.models import Episode, Silence, SilenceState
from apps.alerts.suppression.index import narrowed
from apps.alerts.suppression.rejudging import rejudge
from apps.core.errors import ConflictError, InvalidInputError

# How many episodes a preview looks at; beyond it says so.
PREVIEWED: Final = 20_000
_SHOWN: Final = 10
_DAYS: Final = 7


@dataclass(frozen=True)
class Wish:
    """A silence as somebody asks for it; `starts_at` None: now. Without `ends_at`: `lasts_s`."""

    matchers: Sequence[str]
    ends_at: datetime | None
    comment: str
    starts_at: datetime | None = None
    lasts_s: int | None = None

    def end(self, starts_at: datetime) -> datetime:
        """When it ends if it begins then. Raises InvalidInputError when nothing says so."""
        if self.ends_at is not None:
            return self.ends_at
        if self.lasts_s is None:
            raise _invalid("ends_at", _("Say when it ends."))
        return starts_at + timedelta(seconds=self.lasts_s)


@dataclass(frozen=True)
class Preview:
    """What matchers would mute: open now, and fired within the last days. `whole`: all was seen."""

    now: int
    past: int
    days: int
    whole: bool
    shown: list[Episode]


def create(wish: Wish, by: str, *, replaces: Silence | None = None) -> Silence:
    """A new silence. Raises InvalidInputError."""
    values = validated(wish)
    return Silence.objects.create(**values, created_by=by[:200], replaces=replaces)


def validated(wish: Wish, before: Silence | None = None) -> dict[str, Any]:
    """The columns of such a silence. Raises InvalidInputError with the field that is wrong.

    `before`: the silence it is changed from; one that has begun keeps its beginning.
    """
    now = db_now()
    matchers = checked(wish.matchers)
    starts_at = max(wish.starts_at or now, now)
    if before is not None and wish.starts_at in (None, before.starts_at):
        starts_at = before.starts_at
    # Whole seconds, as forms show them: else a form that was only looked at would change it.
    starts_at = starts_at.replace(microsecond=0)
    ends_at = wish.end(starts_at)
    _check_span(starts_at, ends_at, now)
    if not wish.comment.strip():
        raise _invalid("comment", _("Say in the comment why."))
    return {
        "stored_matchers": [one.as_json() for one in matchers],
        "starts_at": starts_at,
        "ends_at": ends_at,
        "comment": wish.comment.strip(),
    }


def change(silence: Silence, wish: Wish, by: str) -> Silence:
    """Change a silence; the one in force afterwards, which may be another.

    One that has begun may only move its end; anything else ends it and makes a new one, so that
    history tells what was silenced when. Raises InvalidInputError; ConflictError when it is over.
    """
    return surely(lambda: _change(silence, wish, by))


def expire(silence: Silence, by: str) -> Silence:
    """End a silence now; one that is over stays as it was."""
    return surely(lambda: _expire(silence, by))


def checked(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """The matchers of a silence. Raises InvalidInputError when they would match every alert."""
    try:
        found = tuple(sorted({one for text in texts for one in parse(text)}, key=str))
    except InvalidInputError as error:
        raise _invalid("matchers", str(error.words)) from None
    if len(found) > MOST:
        raise _invalid("matchers", _("Matchers are a list of at most %(n)d.") % {"n": MOST})
    if all_match(found, {}):
        raise _invalid(
            "matchers",
            _("These matchers match every alert; at least one must ask for a label with a value."),
        )
    return found


def preview(matchers: Sequence[Matcher]) -> Preview:
    """What these matchers would mute now, and would have muted in the last seven days."""
    now = db_now()
    opened = Episode.objects.filter(state__in=OPEN)
    past = Episode.objects.filter(fired_at__gte=now - timedelta(days=_DAYS))
    hits, whole = _matching(opened, matchers)
    then, all_seen = _matching(past, matchers)
    return Preview(len(hits), len(then), _DAYS, whole and all_seen, hits[:_SHOWN])


def for_episode(episode: Episode) -> list[str]:
    """Matchers that match this episode's alert and no other of its rule."""
    own = {"alertname": episode.rule_name, **episode.labels}
    return [str(Matcher(name, "=", str(value))) for name, value in sorted(own.items()) if value]


def states(rows: Iterable[Silence]) -> Iterator[tuple[Silence, SilenceState]]:
    """Each with its state by the database's clock."""
    now = db_now()
    for row in rows:
        yield row, row.state_at(now)


def in_state(wanted: Iterable[str]) -> QuerySet[Silence]:
    """Silences in any of these states, newest first; none named: all."""
    now = db_now()
    asked = {
        SilenceState.PENDING: Q(starts_at__gt=now, ends_at__gt=now),
        SilenceState.ACTIVE: Q(starts_at__lte=now, ends_at__gt=now),
        SilenceState.EXPIRED: Q(ends_at__lte=now),
    }
    either = Q()
    for state in wanted:
        either |= asked[SilenceState(state)]
    return Silence.objects.filter(either).order_by("-starts_at", "-id")


def get(pk: UUID) -> Silence:
    """One silence. Raises Silence.DoesNotExist."""
    return Silence.objects.get(pk=pk)


def _matching(rows: QuerySet[Episode], matchers: Sequence[Matcher]) -> tuple[list[Episode], bool]:
    seen = list(narrowed(rows, matchers).order_by("-fired_at")[: PREVIEWED + 1])
    found = [row for row in seen[:PREVIEWED] if all_match(matchers, labels_of(row))]
    return found, len(seen) <= PREVIEWED


def _change(silence: Silence, wish: Wish, by: str) -> Silence:
    row = Silence.objects.select_for_update().get(pk=silence.pk)
    now = db_now()
    state = row.state_at(now)
    if state is SilenceState.EXPIRED:
        raise ConflictError(_("The silence is over; make a new one."))
    same = checked(wish.matchers) == row.matchers and wish.comment.strip() == row.comment
    starts_at = wish.starts_at or row.starts_at
    if state is SilenceState.ACTIVE and same and starts_at == row.starts_at:
        before, row.ends_at = row.ends_at, validated(wish, row)["ends_at"]
        row.save(update_fields=["ends_at"])
        if row.ends_at < before:
            # Groups have set their timers to the former end.
            rejudge([f"silence:{row.pk}"])
        return row
    made = create(replace(wish, starts_at=starts_at), by, replaces=row)
    _end(row, by, now)
    return made


def _expire(silence: Silence, by: str) -> Silence:
    row = Silence.objects.select_for_update().get(pk=silence.pk)
    _end(row, by, db_now())
    return row


def _end(row: Silence, by: str, now: datetime) -> None:
    if row.ends_at <= now:
        return
    row.ends_at = now
    row.starts_at = min(row.starts_at, now)
    row.ended_by = by[:200]
    row.save(update_fields=["starts_at", "ends_at", "ended_by"])
    rejudge([f"silence:{row.pk}"])


def _check_span(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= max(starts_at, now):
        raise _invalid("ends_at", _("A silence ends after it begins, and in the future."))
    if (ends_at - starts_at).total_seconds() > conf.SILENCE_LONGEST_S:
        raise _invalid(
            "ends_at",
            _("A silence lasts at most %(n)d days.") % {"n": conf.SILENCE_LONGEST_S // 86_400},
        )


def _invalid(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(message, {field: [message]})
