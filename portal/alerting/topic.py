"""The live topic `alerts-board`: `{"open", "critical", "taken", "counted_to", "state"}`.

`state` changes whenever an open alert begins, ends, changes its severity, is taken or let go. What
is drawn depends on who looks and what they filter; so the page asks for its rows anew.

However many alerts are open, a message costs the reading of the worst `counted_to`: the figures are
of those, and one above it where there are more. Of the others the newest events tell that
something has changed.
"""

import hashlib
from typing import Any, Final

from django.db import connection

from apps.core.live import Topic
from apps.core.live import register as register_topic

NAME: Final = "alerts-board"
_INTERVAL_S: Final = 2.0
MOST: Final = 1_000
# An order of its own for each row: the sum does not depend on the order of reading. A transaction
# may commit after another with later events: so the last thousand count, not the last one.
_STATE: Final = """
WITH worst AS (
    SELECT id, severity, concat_ws('|', id, state, severity) AS told
    FROM alerts_episode WHERE state IN ('firing', 'recovering')
    ORDER BY severity, started_at DESC, id DESC LIMIT %(most)s + 1
), beyond AS (
    SELECT sum(id) AS events FROM (
        SELECT id FROM alerts_episodeevent WHERE (SELECT count(*) FROM worst) > %(most)s
        ORDER BY id DESC LIMIT %(most)s
    ) AS newest
)
SELECT count(*), count(*) FILTER (WHERE w.severity = 'critical'), count(a.id),
    sum(('x' || substr(md5(concat_ws('|', w.told, a.id)), 1, 12))::bit(48)::int8),
    (SELECT events FROM beyond)
FROM worst w
LEFT JOIN alerts_acknowledgement a ON a.episode_id = w.id AND a.ended_at IS NULL"""


def newest() -> dict[str, Any]:
    """What one message holds."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE, {"most": MOST})
        count, critical, taken, *state = cursor.fetchone()
    digest = hashlib.sha256(repr(state).encode()).hexdigest()[:16]
    return {
        "open": count, "critical": critical, "taken": taken, "counted_to": MOST, "state": digest,
    }  # fmt: skip


def register() -> None:
    """Make the topic known to the hub."""
    register_topic(Topic(NAME, _INTERVAL_S, newest, permission="alerts.view_episode"))
