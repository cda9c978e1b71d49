"""One flush of one group: judge, find out whether there is news, owe it, note it. One `now`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from apps.alerts import escalation
from apps.alerts.evaluation.notices import payload_for
from apps.alerts.machine import OPEN, Severity
from apps.alerts.models import (
    AlertGroup,
    Channel,
    Episode,
    GroupMember,
    Purpose,
    Verdict,
)
from apps.alerts.routing.audience import audience_of, node_of, options_without_route
from apps.alerts.routing.decisions import Decisions
from apps.alerts.routing.elsewhere import escalated, untold
from apps.alerts.routing.members import channels_told, note_told, raised, rank, was_held
from apps.alerts.routing.reasons import Now, Reason, Said, why_send
from apps.alerts.routing.tree import FOLLOW_UP_S
from apps.alerts.services.owe import owe
from apps.alerts.suppression import judge

log = structlog.get_logger(__name__)


def flush(group: AlertGroup, now: datetime) -> Reason | None:
    """Flush a group that is due and locked; the reason of its message, None without one.

    Belongs in a transaction: the timer, the log and the messages owed commit together, so that a
    crash at any instant leaves the flush either done or due.
    """
    return _Flush(group, now).run()


class _Flush:
    """What one flush knows."""

    def __init__(self, group: AlertGroup, now: datetime) -> None:
        self.group, self.now = group, now
        self.node = node_of(group)
        self.options = self.node.options if self.node else options_without_route(group)
        self.audience = audience_of(group)
        self.decisions = Decisions(now)
        members = list(
            GroupMember.objects.filter(group=group, cleared_at__isnull=True)
            .select_related("episode__rule")
            .order_by("pk")
        )
        for member in members:
            member.group = group
        self.open = [one for one in members if one.episode.state in OPEN]
        self.ended = [one for one in members if one.episode.state not in OPEN]
        self.visible: list[GroupMember] = []
        # Channels that are told by this flush, and those over a cap: with their next digest.
        self.told: set[int] = set()
        self.late: dict[int, Channel] = {}

    def run(self) -> Reason | None:
        self.group.flush_seq += 1
        self.group.last_flush_at = self.now
        self.group.next_flush_at = (
            self.now + timedelta(seconds=self.options.interval_s) if self.open else None
        )
        self._judge()
        reason = self._reason()
        self._forget_untold()
        if reason is not None:
            self._tell(reason)
        self._clear_ended(reason)
        self.group.last_error, self.group.failing_since = "", None
        self.group.save(
            update_fields=[
                "flush_seq", "next_flush_at", "last_flush_at", "last_sent_at", "paged_at",
                "last_error", "failing_since",
            ]
        )  # fmt: skip
        self.decisions.write()
        return reason

    def _judge(self) -> None:
        verdicts = judge([one.episode for one in self.open], self.now, route=self.group.route)
        for member in self.open:
            held = verdicts.get(member.episode_id)
            if held is None:
                self.visible.append(member)
                continue
            until = held.until.isoformat() if held.until else None
            self.decisions.of_member(
                member, Verdict.SUPPRESSED, held.kind, held.by, text=held.text, until=until
            )
            self._look_again(held.until)

    def _look_again(self, until: datetime | None) -> None:
        """Flush when what holds an alert back is over, if that is before the timer."""
        if until is not None and self.group.next_flush_at is not None:
            soonest = max(until, self.now + timedelta(seconds=1))
            self.group.next_flush_at = min(self.group.next_flush_at, soonest)

    def _reason(self) -> Reason | None:
        told = [one for one in (*self.open, *self.ended) if one.told_at is not None]
        visible = {one.episode_id for one in self.visible}
        said = None
        if self.group.last_sent_at is not None:
            said = Said({one.episode_id for one in told}, self.group.last_sent_at)
        now_is = Now(
            firing=visible,
            resolved={one.episode_id for one in self.ended if one.told_at is not None},
            hidden={one.episode_id for one in told if one.episode.state in OPEN} - visible,
            raised={one.episode_id for one in self.visible if raised(one)},
            unmuted={one.episode_id for one in self.visible if was_held(one)},
        )
        return why_send(
            said, now_is, send_resolved=self.audience.send_resolved,
            repeat_s=self.options.repeat_s, now=self.now,
        )  # fmt: skip

    def _forget_untold(self) -> None:
        """Who was never told that it fires hears nothing of its end."""
        for member in self.ended:
            if member.told_at is None:
                self.decisions.of_member(member, Verdict.SKIPPED, "ended_early")

    def _tell(self, reason: Reason) -> None:
        gone = [one for one in self.ended if one.told_at is not None]
        owed = False
        if reason in (Reason.RESOLVED, Reason.ALL_RESOLVED):
            if self.audience.send_resolved:
                owed = self._tell_ends(reason, gone)
        elif self.audience.channels or self.audience.policy:
            owed = self._tell_firing(reason, gone)
        else:
            for member in self.visible:
                self.decisions.of_member(
                    member, Verdict.UNROUTED, "no_channels", self.audience.name
                )
        if owed or reason == Reason.ALL_RESOLVED:
            self.group.last_sent_at = self.now

    def _tell_firing(self, reason: Reason, gone: Sequence[GroupMember]) -> bool:
        news = [one for one in self.visible if one.told_at is None or raised(one)]
        head = min(news or self.visible, key=rank).episode
        firing = sorted(self.visible, key=rank)
        channels = self._not_told_elsewhere(reason, news)
        self._owe(channels, Purpose.FIRING, reason, head, firing, gone)
        self._escalate(news)
        self._tell_end_to_others(gone, channels)
        ids = [channel.pk for channel in channels]
        for severity in {one.episode.severity for one in self.visible}:
            same = [one for one in self.visible if one.episode.severity == severity]
            note_told(same, severity, ids, self.group)
        for member in self.visible:
            own = reason if member.told_at is not None or reason == Reason.FIRST else Reason.NEW
            if member in news or reason == Reason.REPEAT or was_held(member):
                self._decide_told(member, own)
        if any(one.episode.severity == Severity.CRITICAL for one in self.visible):
            self.group.paged_at = self.group.paged_at or self.now
        if reason == Reason.FIRST and self._was_at_once():
            wait = min(self.options.wait_s or FOLLOW_UP_S, self.options.interval_s)
            self._look_again(self.now + timedelta(seconds=wait))
        return True

    def _not_told_elsewhere(
        self, reason: Reason, news: Sequence[GroupMember]
    ) -> tuple[Channel, ...]:
        fresh = reason in (Reason.FIRST, Reason.NEW, Reason.RAISED)
        needed = {one.episode_id: one.episode.severity for one in (news if fresh else self.visible)}
        own = () if fresh else {pk for one in self.visible for pk in one.told_channels}
        return untold(self.group, self.audience.channels, needed, own)

    def _escalate(self, news: Sequence[GroupMember]) -> None:
        """Page people too. What goes wrong there keeps nobody else from being told."""
        policy = self.audience.policy
        if policy is None:
            return
        worse = [one.episode for one in news if raised(one)]
        back = [one.episode for one in self.visible if one.told_at is None or was_held(one)]
        try:
            with transaction.atomic():
                elsewhere = escalated(self.group, policy, [one.pk for one in back])
                back = [one for one in back if one.pk not in elsewhere]
                escalation.start(policy, self.group, back, self.now)
                escalation.raised(worse, self.now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if not self.audience.channels:
                raise  # nobody was told: the whole flush is tried again
            log.exception("escalation_not_started", group=str(self.group.pk))
            for member in news:
                self.decisions.of_member(
                    member, Verdict.FAILED, "policy", policy.name, error=type(error).__name__
                )

    def _was_at_once(self) -> bool:
        critical = any(one.episode.severity == Severity.CRITICAL for one in self.visible)
        return self.options.wait_s == 0 or (critical and self.options.critical_at_once)

    def _tell_ends(self, reason: Reason, gone: Sequence[GroupMember]) -> bool:
        """Whoever was told that they fire, whatever the receiver is by now."""
        told = channels_told(gone)
        if not told:
            return False
        if reason == Reason.ALL_RESOLVED:
            head = min(gone, key=rank).episode
            self._owe(told, Purpose.RESOLVED, reason, head, gone, ())
        else:
            firing = sorted(self.visible, key=rank)
            if not firing:
                # What else still fires is held back: of that, nothing is said.
                head = min(gone, key=rank).episode
                self._owe(told, Purpose.RESOLVED, reason, head, gone, ())
            else:
                self._owe(told, Purpose.FIRING, reason, firing[0].episode, firing, gone)
        return True

    def _tell_end_to_others(self, gone: Sequence[GroupMember], channels: Sequence[Channel]) -> None:
        # Channels that were told and are no longer the receiver's learn of the end all the same.
        current = {channel.pk for channel in channels}
        others = [one for one in channels_told(gone) if one.pk not in current]
        if others and self.audience.send_resolved:
            head = min(gone, key=rank).episode
            self._owe(others, Purpose.RESOLVED, Reason.RESOLVED, head, gone, ())

    def _clear_ended(self, reason: Reason | None) -> None:
        """Take every end into the log, told or not: what fires again is another episode."""
        if not self.ended:
            return
        escalation.resolved([one.episode for one in self.ended], self.now)
        for member in self.ended:
            if member.told_at is None:
                continue
            if not self.audience.send_resolved:
                self.decisions.of_member(member, Verdict.SKIPPED, "end_not_wanted")
            else:
                own = Reason.ALL_RESOLVED if reason == Reason.ALL_RESOLVED else Reason.RESOLVED
                self._decide_told(member, own)
        ended = GroupMember.objects.filter(pk__in=[one.pk for one in self.ended])
        ended.update(cleared_at=self.now, cleared_seq=self.group.flush_seq)
        if self.audience.send_resolved:
            ended.filter(told_at__isnull=False).update(told_end_at=self.now)

    def _decide_told(self, member: GroupMember, reason: Reason) -> None:
        """Told; or where every channel that would have been is over its cap, told with a digest."""
        verdict = Verdict.NOTIFIED
        detail: dict[str, Any] = {"seq": self.group.flush_seq}
        if self.late and not self.told and self.audience.policy is None:
            verdict = Verdict.DIGESTED
            detail["digests"] = sorted(one.name for one in self.late.values())
        self.decisions.of_member(member, verdict, reason, self.audience.name, **detail)

    def _owe(
        self, channels: Sequence[Channel], purpose: Purpose, reason: Reason, head: Episode,
        shown: Sequence[GroupMember], ended: Sequence[GroupMember],
    ) -> None:  # fmt: skip
        facts: dict[str, Any] = {
            "id": str(self.group.pk), "labels": self.group.labels, "reason": str(reason),
            "receiver": self.audience.name, "route": list(self.node.path) if self.node else [],
            "seq": self.group.flush_seq, "life": self.group.life,
            "firing": len(self.visible),
            "ended": len(ended if purpose == Purpose.FIRING else shown),
        }  # fmt: skip
        payload = payload_for(
            head, purpose, also=[one.episode for one in shown],
            ended=[one.episode for one in ended], group=facts,
        )  # fmt: skip
        urgent = purpose == Purpose.FIRING and head.severity == Severity.CRITICAL
        owed = owe(
            channels, purpose, payload,
            news=f"{self.group.pk}|{self.group.flush_seq}|{reason}|{purpose}",
            episode=head, group=self.group, severity=head.severity,
            priority=0 if urgent and reason not in (Reason.REPEAT, Reason.RESOLVED) else 1,
            reason=str(reason),
        )  # fmt: skip
        told = {row.channel_id for row in owed}
        self.told |= {one.pk for one in channels if one.pk in told}
        self.late |= {one.pk: one for one in channels if one.pk not in told}
