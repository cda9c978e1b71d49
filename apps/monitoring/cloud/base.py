"""The port to providers: some questions about one window, an answer or None for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

WINDOW_S: Final = 300
# Providers need a while until a period is whole; asked sooner, they answer with a part of it.
_SETTLE_S: Final = 60


class CloudError(Exception):
    """The provider cannot be asked or refuses; the message tells an operator what to do."""


@dataclass(frozen=True)
class Question:
    """One figure: a metric of the provider, the one it is divided by, and which statistic."""

    figure: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Average"
    divisor: str = ""


class CloudSource(Protocol):
    """One account and region of one provider."""

    def read(
        self, questions: Sequence[Question], start: datetime, end: datetime
    ) -> Mapping[str, float | None]:
        """The answer to each question over [start, end), by its figure; None where the provider
        has none. Raises CloudError."""
        ...


def last_window(now: datetime) -> tuple[datetime, datetime]:
    """The last whole period of 300 s that has settled, [start, end)."""
    seconds = int(now.timestamp() - _SETTLE_S) // WINDOW_S * WINDOW_S
    end = datetime.fromtimestamp(seconds, UTC)
    return end - timedelta(seconds=WINDOW_S), end
