"""What was decided about each alert, for those who ask why they were, or were not, told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.alerts.models import AlertGroup, Decision, GroupMember, Verdict


class Decisions:
    """Decisions of one pass, written together. Those that repeat the last one are left out."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._rows: list[Decision] = []
        self._changed: list[GroupMember] = []

    def of_member(
        self, member: GroupMember, verdict: Verdict, reason: str, by: str = "", **detail: Any
    ) -> None:
        """Decide about an episode in its group."""
        told = f"{verdict}:{reason}:{by}"[:255]
        if member.verdict == told:
            return
        member.verdict = told
        self._changed.append(member)
        self._add(member.episode_id, member.group, verdict, reason, by, detail)

    def of_episode(
        self, episode: UUID, verdict: Verdict, reason: str, by: str = "", **detail: Any
    ) -> None:
        """Decide about an episode that no group has."""
        self._add(episode, None, verdict, reason, by, detail)

    def write(self) -> None:
        """Insert what changed; belongs in the transaction of the pass."""
        Decision.objects.bulk_create(self._rows, batch_size=1000)
        for verdict in {member.verdict for member in self._changed}:
            same = [member.pk for member in self._changed if member.verdict == verdict]
            GroupMember.objects.filter(pk__in=same).update(verdict=verdict)

    def _add(
        self, episode: UUID, group: AlertGroup | None, verdict: Verdict, reason: str, by: str,
        detail: dict[str, Any],
    ) -> None:  # fmt: skip
        self._rows.append(
            Decision(
                episode_id=episode, group=group, at=self.at, verdict=verdict, reason=reason,
                by=by[:255], detail=detail,
            )
        )  # fmt: skip


def unrouted_before(episodes: Iterable[UUID]) -> set[UUID]:
    """Those whose last decision says already that there is nobody to tell."""
    last = (
        Decision.objects.filter(episode__in=list(episodes), group__isnull=True)
        .order_by("episode_id", "-pk")
        .distinct("episode_id")
    )
    return {one.episode_id for one in last if one.verdict == Verdict.UNROUTED}
