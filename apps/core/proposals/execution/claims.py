"""One worker at a time for one proposal: a lease by the database's clock."""

import threading
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final, Self

import structlog
from django.db import Error, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.core.proposals import conf
from apps.core.proposals.machine import WORKED, Move
from apps.core.proposals.models import Proposal
from apps.core.proposals.services import moves

log = structlog.get_logger(__name__)

# A lease that ran out belongs to a worker that died or stalled: that is one failed run.
# What is to be put back goes first.
_CLAIM: Final = """
WITH picked AS MATERIALIZED (
    SELECT id, lease_token IS NOT NULL AS abandoned FROM core_proposal
     WHERE state = ANY(%(states)s) AND next_at <= statement_timestamp()
       AND (lease_until IS NULL OR lease_until <= statement_timestamp())
       AND id <> ALL(%(seen)s)
     ORDER BY state <> 'rolling_back', next_at, id
     LIMIT 1
     FOR UPDATE SKIP LOCKED)
UPDATE core_proposal AS mine
   SET lease_token = %(token)s,
       lease_until = statement_timestamp() + make_interval(secs => %(lease_s)s),
       attempts = mine.attempts + picked.abandoned::int
  FROM picked
 WHERE mine.id = picked.id
RETURNING mine.id, picked.abandoned
"""


class Claim:
    """A proposal leased to this worker; the lease is kept alive inside `with`.

    `taken_over`: an earlier worker was lost, so only the target knows what it did.
    """

    def __init__(self, proposal: Proposal, token: uuid.UUID, *, taken_over: bool) -> None:
        self.proposal = proposal
        self.token = token
        self.taken_over = taken_over
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="proposal-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def mine(self) -> Q:
        """True for the row while this lease lasts."""
        return Q(lease_token=self.token, lease_until__gt=Now())

    def move(self, move: Move, reason: str = "", **columns: Any) -> bool:
        """A move of the worker; False once the lease is lost or a person was faster."""
        return moves.make(self.proposal, move, moves.EXECUTOR, reason, guard=self.mine, **columns)

    def release(self, again_in_s: float, failure: str | None = None, *, failed: bool) -> None:
        """Give the row back, to be looked at again; `failed` counts as a failed run."""
        columns: dict[str, Any] = {} if failure is None else {"failure": failure}
        mine = Proposal.objects.filter(
            pk=self.proposal.pk, lease_token=self.token, state=self.proposal.state
        )
        released = mine.update(
            lease_token=None, lease_until=None, next_at=Now() + timedelta(seconds=again_in_s),
            attempts=F("attempts") + 1 if failed else 0, **columns,
        )  # fmt: skip
        if not released:
            # A person moved it on meanwhile: when it is due is theirs to say.
            self.drop()

    def drop(self) -> None:
        """Give the row back as it stands; nothing where the lease was lost."""
        Proposal.objects.filter(pk=self.proposal.pk, lease_token=self.token).update(
            lease_token=None, lease_until=None
        )

    def renew(self) -> bool:
        """Lengthen the lease; False once it is lost."""
        rows = Proposal.objects.filter(self.mine, pk=self.proposal.pk, state=self.proposal.state)
        return rows.update(lease_until=Now() + timedelta(seconds=conf.LEASE_S)) == 1

    def _beat(self) -> None:
        # In a thread and on a connection of its own: the effect of a step may block for long.
        try:
            while not self._over.wait(conf.HEARTBEAT_S):
                rows = Proposal.objects.filter(self.mine, pk=self.proposal.pk)
                if not rows.update(lease_until=Now() + timedelta(seconds=conf.LEASE_S)):
                    return
        except Error as error:
            # The lease ends by itself then; the next guarded write notices.
            log.warning("proposal_lease_not_renewed", error=moves.told(error))
        finally:
            connection.close()


def claim(seen: Collection[uuid.UUID]) -> Claim | None:
    """Lease the most urgent proposal that is due and not in `seen`; committed on return."""
    token = uuid.uuid4()
    values: dict[str, Any] = {
        "states": [str(state) for state in WORKED], "seen": list(seen), "token": token,
        "lease_s": conf.LEASE_S,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    if row is None:
        return None
    return Claim(Proposal.objects.get(pk=row[0]), token, taken_over=row[1])
