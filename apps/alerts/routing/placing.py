"""Enrolments become members of groups, and the timers of those groups are set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q

from apps.alerts.machine import OPEN, Severity
from apps.alerts.matchers import labels_of
from apps.alerts.models import AlertGroup, Enrolment, Episode, GroupMember, Rule, Verdict
from apps.alerts.routing import secondway, tree
from apps.alerts.routing.decisions import Decisions, unrouted_before
from apps.alerts.routing.tree import OF_A_RULE, Node, Options

log = structlog.get_logger(__name__)
_AT_ONCE: Final = 500


@dataclass
class Place:
    """A group that episodes of this pass belong to, existing or not."""

    group: AlertGroup
    options: Options
    joining: list[Episode] = field(default_factory=list)


def place(now: datetime) -> int:
    """Route a bounded number of enrolments, oldest first; how many there were.

    One of all routers places at a time: every batch touches the same groups, and two would only
    wait for one another. Where another is at it, 0 comes back. An enrolment leaves with the commit.
    """
    with transaction.atomic():
        if not _alone():
            return 0
        taken = list(
            Enrolment.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("episode")
            .order_by("pk")[:_AT_ONCE]
        )
        if not taken:
            return 0
        try:
            _place(taken, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("enrolments_not_placed", n=len(taken))
            return sum(_place_apart(one, now) for one in taken)
    return len(taken)


@transaction.atomic
def _place(taken: Sequence[Enrolment], now: datetime) -> None:
    since: dict[UUID, datetime] = {}
    for one in taken:
        since[one.episode_id] = min(one.at, since.get(one.episode_id, one.at))
    episodes = {one.episode_id: one.episode for one in taken}
    _Pass(now, since).run(list(episodes.values()))
    Enrolment.objects.filter(pk__in=[one.pk for one in taken]).delete()


def _place_apart(one: Enrolment, now: datetime) -> bool:
    """Route one of a batch that failed; when it is the cause it goes to the end of the line."""
    try:
        _place([one], now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("episode_not_placed", episode=str(one.episode_id))
        Enrolment.objects.filter(pk=one.pk).delete()
        Enrolment.objects.create(episode_id=one.episode_id, at=one.at)
        return False
    return True


def _alone() -> bool:
    """Whether no other router places now; holds until the transaction ends, however it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('alerts.place', 20))")
        return bool(cursor.fetchone()[0])


class _Pass:
    """One batch of enrolments, in one transaction."""

    def __init__(self, now: datetime, since: dict[UUID, datetime]) -> None:
        self.now = now
        self.since = since
        self.root = tree.load()
        self.decisions = Decisions(now)
        self.places: dict[str, Place] = {}
        self.homeless: list[tuple[Episode, str]] = []

    def run(self, episodes: Sequence[Episode]) -> None:
        fires = [one for one in episodes if one.state in OPEN]
        ended = [one for one in episodes if one.state not in OPEN]
        with_channels = _rules_with_channels(fires)
        for one in fires:
            self._assign(one, with_channels)
        self._join()
        self._wake_groups_of(ended)
        self._say_homeless()
        self.decisions.write()

    def _assign(self, episode: Episode, with_channels: dict[int, Rule]) -> None:
        try:
            labels = labels_of(episode)
            nodes = tree.matching(self.root, labels) if self.root else []
        except Exception as error:
            # It must hold up no other, nor be lost: it goes to the root and its rule's channels.
            log.exception("episode_unroutable", episode=str(episode.pk))
            self.decisions.of_episode(
                episode.pk, Verdict.FAILED, "error", error=type(error).__name__
            )
            labels, nodes = {}, [self.root] if self.root else []
        told = [node for node in nodes if node.options.receiver_id is not None]
        for node in told:
            self._put_by_node(episode, node, labels)
        rule = with_channels.get(episode.rule_id or 0)
        if rule is not None:
            self._put_by_rule(episode, rule)
        elif not told:
            self.homeless.append((episode, " › ".join(nodes[0].path) if nodes else ""))

    def _put_by_node(self, episode: Episode, node: Node, labels: dict[str, str]) -> None:
        shared = tree.group_labels(node.options, labels)
        key = tree.group_key("route", node.id, node.options.receiver_id, shared)
        if key not in self.places:
            group = AlertGroup(
                key=key, route_id=node.id, receiver_id=node.options.receiver_id, labels=shared
            )
            self.places[key] = Place(group, node.options)
        self.places[key].joining.append(episode)

    def _put_by_rule(self, episode: Episode, rule: Rule) -> None:
        key = tree.group_key("rule", rule.pk)
        if key not in self.places:
            group = AlertGroup(key=key, rule=rule, labels={"alertname": rule.name})
            self.places[key] = Place(group, OF_A_RULE)
        self.places[key].joining.append(episode)

    def _join(self) -> None:
        if not self.places:
            return
        self._find_groups()
        known = self._members()
        self._leave_other_groups(known)
        _insert_members(
            [
                (place.group.pk, one.pk)
                for place in self.places.values()
                for one in place.joining
                if (place.group.pk, one.pk) not in known
            ],
            self.now,
        )
        changed = [
            one.group for one in self.places.values() if _set_timer(one, self.now, self.since)
        ]
        _update_timers(changed)

    def _find_groups(self) -> None:
        """Lock the groups of this pass, and make those there are not yet."""
        # In one order, so that two passes cannot wait for one another.
        AlertGroup.objects.bulk_create(
            [self.places[key].group for key in sorted(self.places)], ignore_conflicts=True
        )
        groups = AlertGroup.objects.select_for_update(no_key=True, of=("self",)).filter(
            key__in=list(self.places)
        )
        for group in groups.order_by("pk"):
            self.places[group.key].group = group

    def _members(self) -> dict[tuple[UUID, UUID], GroupMember]:
        ids = {one.pk for place in self.places.values() for one in place.joining}
        rows = GroupMember.objects.filter(episode__in=ids).select_related("group")
        return {(row.group_id, row.episode_id): row for row in rows}

    def _leave_other_groups(self, known: dict[tuple[UUID, UUID], GroupMember]) -> None:
        # A rise in severity, or another tree, leads elsewhere: the former group has no more news
        # of this alert but its end, and nothing at all when it told nobody yet.
        severity = {one.pk: one.severity for place in self.places.values() for one in place.joining}
        here = {(place.group.pk, one.pk) for place in self.places.values() for one in place.joining}
        moved: list[GroupMember] = []
        for key, member in known.items():
            if key in here:
                if member.cleared_at is None:
                    continue
                member.cleared_at = None  # it was elsewhere for a while
            elif member.cleared_at is not None:
                continue
            elif member.told_at is None:
                member.cleared_at = self.now
                self.decisions.of_member(member, Verdict.SKIPPED, "moved")
            else:
                member.told_severity = severity[member.episode_id]
            moved.append(member)
        GroupMember.objects.bulk_update(moved, ["cleared_at", "told_severity"], batch_size=500)

    def _wake_groups_of(self, ended: Sequence[Episode]) -> None:
        """An end is told at the next flush; when the whole group is over, now."""
        members = GroupMember.objects.filter(episode__in=ended, cleared_at__isnull=True)
        concerned = set(members.values_list("group", flat=True))
        if concerned:
            alive = GroupMember.objects.filter(
                group__in=concerned, cleared_at__isnull=True, episode__state__in=OPEN
            )
            over = concerned - set(alive.values_list("group", flat=True).distinct())
            groups = AlertGroup.objects.filter(pk__in=over)
            list(groups.select_for_update(no_key=True).order_by("pk").values_list("pk"))
            groups.update(next_flush_at=self.now)
        self._say_missed(ended)

    def _say_missed(self, ended: Sequence[Episode]) -> None:
        known = set(GroupMember.objects.filter(episode__in=ended).values_list("episode", flat=True))
        missed = [one.pk for one in ended if one.pk not in known]
        for pk in set(missed) - unrouted_before(missed):
            self.decisions.of_episode(pk, Verdict.SKIPPED, "ended_early")

    def _say_homeless(self) -> None:
        said = unrouted_before(episode.pk for episode, _ in self.homeless)
        for episode, path in self.homeless:
            if episode.pk not in said:
                self.decisions.of_episode(episode.pk, Verdict.UNROUTED, "no_receiver", path)


def _rules_with_channels(episodes: Iterable[Episode]) -> dict[int, Rule]:
    ids = {one.rule_id for one in episodes if one.rule_id is not None}
    told = Q(channels__enabled=True) | Q(policy__isnull=False)
    rules = Rule.objects.filter(told | Q(built_in__in=secondway.RULES), pk__in=ids).distinct()
    found = {rule.pk: rule for rule in rules}
    special = {pk for pk, rule in found.items() if rule.built_in in secondway.RULES}
    if special and not secondway.channels(secondway.RULES):
        told_anyhow = Rule.objects.filter(told, pk__in=special).values_list("pk", flat=True)
        special -= set(told_anyhow)
        found = {pk: rule for pk, rule in found.items() if pk not in special}
    return found


def _insert_members(rows: Sequence[tuple[UUID, UUID]], now: datetime) -> None:
    """Episodes join groups; every other column has its default."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_groupmember (group_id, episode_id, joined_at)"
            " SELECT n.group_id, n.episode_id, %s"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS n(group_id, episode_id)"
            " ON CONFLICT DO NOTHING",
            [now, [group for group, _ in rows], [episode for _, episode in rows]],
        )


def _update_timers(groups: Sequence[AlertGroup]) -> None:
    """Store what `_set_timer` changed."""
    if not groups:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_alertgroup g SET next_flush_at = n.flush, life = n.life,"
            " paged_at = n.paged"
            " FROM unnest(%s::uuid[], %s::timestamptz[], %s::int4[], %s::timestamptz[])"
            " AS n(id, flush, life, paged) WHERE g.id = n.id",
            [
                [one.pk for one in groups],
                [one.next_flush_at for one in groups],
                [one.life for one in groups],
                [one.paged_at for one in groups],
            ],
        )


def _set_timer(place: Place, now: datetime, since: dict[UUID, datetime]) -> bool:
    """When the group speaks next, now that these joined (or grew worse); False: as before."""
    group, options = place.group, place.options
    before = (group.next_flush_at, group.life, group.paged_at)
    critical = any(one.severity == Severity.CRITICAL for one in place.joining)
    if group.next_flush_at is None:
        if group.flush_seq:
            group.life += 1
            group.paged_at = None
        # An alert that has fired for longer than the wait is told at once.
        earliest = min(since[one.pk] for one in place.joining)
        group.next_flush_at = earliest + timedelta(seconds=options.wait_s)
        if critical and options.critical_at_once:
            group.next_flush_at = min(group.next_flush_at, now)
    elif critical and options.critical_at_once:
        # The interval is kept between messages; a timer that runs without any does not count.
        quiet_until = now
        if group.paged_at is not None and group.last_sent_at is not None:
            quiet_until = max(now, group.last_sent_at + timedelta(seconds=options.interval_s))
        group.next_flush_at = min(group.next_flush_at, quiet_until)
    return before != (group.next_flush_at, group.life, group.paged_at)
