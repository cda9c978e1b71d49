"""The live topic `alerts-board`: `{"open", "critical", "taken", "state"}`.

`state` changes whenever an open alert begins, ends, changes its severity, is taken or let go. What
is drawn depends on who looks and what they filter; so the page asks for its rows anew.
"""

import hashlib
from typing import Any, Final

from django.db import connection

from apps.core.live import Topic
from apps.core.live import register as register_topic

NAME: Final = "alerts-board"
_INTERVAL_S: Final = 2.0
# An order of its own for each row: the sum does not depend on the order of reading.
_STATE: Final = """
SELECT count(*), count(*) FILTER (WHERE e.severity = 'critical'), count(a.id),
    sum(('x' || substr(md5(concat_ws('|', e.id, e.state, e.severity, a.id)), 1, 12))::bit(48)::int8)
FROM alerts_episode e
LEFT JOIN alerts_acknowledgement a ON a.episode_id = e.id AND a.ended_at IS NULL
WHERE e.state IN ('firing', 'recovering')"""


def newest() -> dict[str, Any]:
    """What one message holds."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        count, critical, taken, state = cursor.fetchone()
    digest = hashlib.sha256(str(state).encode()).hexdigest()[:16]
    return {"open": count, "critical": critical, "taken": taken, "state": digest}


def register() -> None:
    """Make the topic known to the hub."""
    register_topic(Topic(NAME, _INTERVAL_S, newest, permission="alerts.view_episode"))
