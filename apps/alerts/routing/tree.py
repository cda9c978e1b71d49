"""The tree of routes in memory: what an alert's labels lead to. No database but in `load`."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
import structlog

from apps.alerts.matchers import Matcher, all_match
from apps.alerts.models import Route
from apps.alerts.models.route import EVERY_LABEL
from apps.core.errors import InvalidInputError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Options:
    """How a group behaves; the defaults are Alertmanager's."""

    receiver_id: int | None = None
    group_by: tuple[str, ...] = ("alertname",)
    wait_s: float = 30
    interval_s: float = 300
    repeat_s: float = 4 * 3600
    critical_at_once: bool = True


# A rule is judged over all its series at once, so its own channels need not wait for others.
OF_A_RULE: Final = Options(group_by=(), wait_s=0)
# How long the first page of a group waits for company before the second.
FOLLOW_UP_S: Final = 30.0


@dataclass(frozen=True)
class Node:
    """One route with its options resolved. `path` names it from the root."""

    id: int
    path: tuple[str, ...]
    matchers: tuple[Matcher, ...]
    goes_on: bool
    options: Options
    children: "tuple[Node, ...]" = ()

    def walk(self) -> "Iterator[Node]":
        """This node and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def load() -> Node | None:
    """The tree as it is now; None without a root."""
    return build(Route.objects.filter(enabled=True).order_by("position", "pk"))


def build(rows: Iterable[Route]) -> Node | None:
    """The tree of these rows, siblings in the order given. What hangs on no root is left out."""
    below: dict[int | None, list[Route]] = defaultdict(list)
    for row in rows:
        below[row.parent_id].append(row)
    roots = below[None]
    return _node(roots[0], (), Options(), below) if roots else None


def matching(node: Node, labels: Mapping[str, str]) -> list[Node]:
    """The routes these labels take: of the children the first that matches, and further ones
    where a match goes on; the node itself where no child matches. Empty: not even this one."""
    if not all_match(node.matchers, labels):
        return []
    found: list[Node] = []
    for child in node.children:
        below = matching(child, labels)
        found += below
        if below and not child.goes_on:
            break
    return found or [node]


def group_labels(options: Options, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels all alerts of a group share; a label that is missing is left out."""
    if EVERY_LABEL in options.group_by:
        return dict(labels)
    return {name: labels[name] for name in options.group_by if name in labels}


def group_key(*identity: Any) -> str:
    """One key for each group: of its route and receiver, or of its rule, and its labels."""
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _node(
    row: Route, above: tuple[str, ...], inherited: Options, below: Mapping[int | None, list[Route]]
) -> Node:
    path = (*above, row.name)
    options = _options(row, inherited)
    children: list[Node] = []
    for child in below.get(row.pk, ()):
        try:
            child.matchers  # noqa: B018 (an unreadable route takes nothing; its parent keeps all)
        except InvalidInputError as error:
            log.error("route_unreadable", route=child.pk, error=str(error))  # noqa: TRY400
            continue
        children.append(_node(child, path, options, below))
    matchers = row.matchers if above else ()
    return Node(row.pk, path, matchers, row.goes_on, options, tuple(children))


def _options(row: Route, inherited: Options) -> Options:
    own: dict[str, Any] = {
        "receiver_id": row.receiver_id,
        "group_by": None if row.group_by is None else tuple(row.group_by),
        "wait_s": row.group_wait_s,
        "interval_s": row.group_interval_s,
        "repeat_s": row.repeat_interval_s,
        "critical_at_once": row.critical_at_once,
    }
    return replace(inherited, **{key: value for key, value in own.items() if value is not None})
