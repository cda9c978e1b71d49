"""Operations and what they did: the words in which RED is asked for and answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from psycopg import sql

from apps.monitoring.queries.walk import containing
from apps.monitoring.store import histograms
from apps.monitoring.store.histograms import State
from apps.monitoring.store.red import CLASSES

# What waits for an answer: requests, messages, and roots that belong to nobody else.
ENTERED: Final = (0, 1, 2, 5)
MOST_OPERATIONS: Final = 2000


class Operation(NamedTuple):
    """What was asked of a service; `kind` is OTLP's number."""

    service: str
    name: str
    kind: int


@dataclass(frozen=True)
class Wanted:
    """Which operations; empty means all that waited for an answer."""

    service: str = ""
    name: str = ""
    text: str = ""
    kinds: tuple[int, ...] = ENTERED


@dataclass(eq=False)
class Figures:
    """What one operation did in one stretch of time. Durations in seconds.

    `classes` counts answers by HTTP class, 1xx to 5xx; all zero where nothing spoke HTTP.
    """

    n: int = 0
    err: int = 0
    classes: list[int] = field(default_factory=lambda: [0] * len(CLASSES))
    sum: float = 0.0
    max: float = 0.0
    state: State = field(default_factory=State)

    def quantile(self, q: float) -> float | None:
        """The q-quantile in seconds; None without observations or when none were read."""
        return histograms.quantile(self.state, q)

    @property
    def mean(self) -> float | None:
        return self.sum / self.n if self.n else None

    @property
    def error_share(self) -> float | None:
        """Errors of all, 0 to 1."""
        return self.err / self.n if self.n else None

    def add(self, other: "Figures") -> None:
        """Take in what happened elsewhere or at another time."""
        self.n += other.n
        self.err += other.err
        self.classes = [a + b for a, b in zip(self.classes, other.classes, strict=True)]
        self.sum += other.sum
        self.max = max(self.max, other.max)
        self.state = histograms.merge([self.state, other.state])


def matching(wanted: Wanted, only: Sequence[Operation] | None) -> sql.Composed:
    """The condition on p (kind), r (resource) and n (name)."""
    parts: list[sql.Composable] = [
        sql.SQL("p.kind = ANY({}::int2[])").format(sql.Literal(list(wanted.kinds)))
    ]
    if wanted.service:
        parts.append(sql.SQL("r.service = {}").format(sql.Literal(clean(wanted.service))))
    if wanted.name:
        parts.append(sql.SQL("n.value = {}").format(sql.Literal(clean(wanted.name))))
    if wanted.text:
        parts.append(sql.SQL("n.value ILIKE {}").format(sql.Literal(containing(wanted.text))))
    if only is not None:
        parts.append(
            sql.SQL(
                "(r.service, n.value) IN (SELECT * FROM unnest({}::text[], {}::text[]))"
            ).format(
                sql.Literal([operation.service for operation in only]),
                sql.Literal([operation.name for operation in only]),
            )
        )
    return sql.SQL(" AND ").join(parts)


def clean(text: str) -> str:
    """NUL cannot be in a PostgreSQL text, so it matches nothing."""
    return text.replace("\0", "\ufffd")
