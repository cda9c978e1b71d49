"""What a time-range picker shows and where its buttons lead: the address is its only state.

`from` and `to` are read by `TimeRange` alone. A page shows a wrong one beside its field and falls
back to its default; an endpoint refuses it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange

QUICK: Final = (
    ("now-5m", "now", _("Last 5 minutes")),
    ("now-15m", "now", _("Last 15 minutes")),
    ("now-1h", "now", _("Last hour")),
    ("now-6h", "now", _("Last 6 hours")),
    ("now-24h", "now", _("Last 24 hours")),
    ("now-7d", "now", _("Last 7 days")),
    ("now-30d", "now", _("Last 30 days")),
    ("now/d", "now", _("Today so far")),
    ("now-1d/d", "now-1d/d", _("Yesterday")),
)
REFRESH: Final = (("off", _("off")), ("5s", _("5 s")), ("30s", _("30 s")), ("1m", _("1 min")))
_SLIDING = re.compile(r"now-([0-9]{1,9})([smhdw])")
_OLD_RANGE = re.compile(r"[0-9]{1,4}[smhdw]")
_OWN: Final = ("from", "to", "range", "refresh")
# A link carries what the page was asked for, not what somebody stuffed into the address.
_MOST_OTHERS: Final = 30


@dataclass(frozen=True)
class Choice:
    """The range somebody asked for. `mistakes` maps a field to a sentence that names the mend."""

    from_: str
    to: str
    time_range: TimeRange
    refresh: str = "off"
    others: tuple[tuple[str, str], ...] = ()
    mistakes: dict[str, Any] = field(default_factory=dict)
    default: str = "now-15m"

    @classmethod
    def read(cls, query: QueryDict, default: str = "now-15m") -> "Choice":
        """The choice of an address; with a mistake in it the page's default. Never raises."""
        now = datetime.now(UTC)
        others = tuple(_others(query))
        refresh, mistakes = query.get("refresh", "off"), dict[str, Any]()
        if refresh not in dict(REFRESH):
            refresh = "off"
            words = _("`refresh` is one of {names}.")
            mistakes["refresh"] = format_lazy(words, names=_names(REFRESH))
        from_, to = _ends(query, default)
        try:
            chosen = TimeRange.parse(from_, to, now)
        except InvalidInputError as error:
            mistakes[str(error.details.get("parameter", "from"))] = error.words
            from_, to, chosen = default, "now", TimeRange.parse(default, "now", now)
        return cls(from_, to, chosen, refresh, others, mistakes, default)

    @classmethod
    def strict(cls, query: QueryDict, default: str = "now-15m") -> "Choice":
        """The same for programs. Raises InvalidInputError where `read` keeps a mistake."""
        found = cls.read(query, default)
        for parameter, message in found.mistakes.items():
            raise InvalidInputError(message, {"parameter": parameter})
        return found

    @property
    def live(self) -> bool:
        """Whether the range ends now and so has a newest end that moves."""
        return self.to == "now"

    @property
    def sliding(self) -> bool:
        """Whether its start moves with the clock too (`now-6h`, not `now/d` or a date)."""
        return self.live and _SLIDING.fullmatch(self.from_) is not None

    @property
    def label(self) -> Any:
        """The words for a range of the list; "" where its two ends say it better."""
        return next((words for a, b, words in QUICK if (a, b) == (self.from_, self.to)), "") or (
            f"{self.from_} – {self.to}" if self._relative else ""
        )

    @property
    def earlier(self) -> tuple[str, str]:
        """The range before this one, as `from` and `to`."""
        return _absolute(self.time_range.start - self.time_range.duration, self.time_range.start)

    @property
    def later(self) -> tuple[str, str] | None:
        """The range after this one, ending now at the latest; None when this one ends now."""
        now = datetime.now(UTC)
        if self.live or self.time_range.end >= now:
            return None
        end = min(self.time_range.end + self.time_range.duration, now)
        return _absolute(end - self.time_range.duration, end)

    @property
    def wider(self) -> tuple[str, str]:
        """Twice the range around the same middle, ending now at the latest."""
        if self.live and (match := _SLIDING.fullmatch(self.from_)):
            return f"now-{min(2 * int(match[1]), 999_999_999)}{match[2]}", "now"
        half = self.time_range.duration / 2
        end = min(self.time_range.end + half, max(datetime.now(UTC), self.time_range.end))
        return _absolute(end - 2 * self.time_range.duration, end)

    @property
    def quick(self) -> list[dict[str, Any]]:
        """The ranges on offer with their addresses."""
        return [
            {"label": words, "href": self.address(a, b), "current": (a, b) == (self.from_, self.to)}
            for a, b, words in QUICK
        ]

    @property
    def refreshes(self) -> list[dict[str, Any]]:
        """How often a page may load again by itself."""
        return [{"key": key, "label": words, "current": key == self.refresh}
                for key, words in REFRESH]  # fmt: skip

    @property
    def href(self) -> dict[str, str]:
        """The addresses of the buttons; "" for one that leads nowhere."""
        return {
            "earlier": self.address(*self.earlier),
            "later": self.address(*self.later) if self.later else "",
            "wider": self.address(*self.wider),
        }

    def address(self, from_: str, to: str) -> str:
        """The query string of the same page over another range."""
        more = () if self.refresh == "off" else (("refresh", self.refresh),)
        return "?" + urlencode([*self.others, ("from", from_), ("to", to), *more])

    def told(self) -> dict[str, Any]:
        """What a script needs to keep the picker true without reading a range itself."""
        return {
            "from": self.from_, "to": self.to, "label": str(self.label),
            "start": _ms(self.time_range.start), "end": _ms(self.time_range.end),
            "live": self.live, "sliding": self.sliding,
            "earlier": self.earlier, "later": self.later, "wider": self.wider,
        }  # fmt: skip

    @property
    def _relative(self) -> bool:
        return self.from_.startswith("now") and self.to.startswith("now")


def _ends(query: QueryDict, default: str) -> tuple[str, str]:
    # Links of the first version: `range=6h`.
    old = query.get("range", "")
    if old and "from" not in query:
        return (f"now-{old}" if _OLD_RANGE.fullmatch(old) else old), "now"
    return query.get("from") or default, query.get("to") or "now"


def _others(query: QueryDict) -> Iterable[tuple[str, str]]:
    pairs = [(key, value) for key, values in query.lists() for value in values if key not in _OWN]
    return pairs[:_MOST_OTHERS]


def _absolute(start: datetime, end: datetime) -> tuple[str, str]:
    return str(max(0, _ms(start))), str(max(1, _ms(end)))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _names(choices: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(name for name, _words in choices)
