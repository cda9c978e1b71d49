"""Incidents: what people deal with together, from the first alert to what was learned.

`declaring` begins one, `moving` brings it through its statuses, `work` holds roles, tasks, links
and merging, `log` is what was said and done, `timeline` reads it together with everything else
that is known, `concerned` and `telling` say to whom, `postmortem` and `figures` tell what came of
it, `rules` is how a rule opens one.
"""

from apps.alerts.incidents.declaring import About, attach, declare
from apps.alerts.incidents.moving import acknowledge, ended, move, reopen
from apps.alerts.incidents.rules import apart, opened

__all__ = [
    "About",
    "acknowledge",
    "apart",
    "attach",
    "declare",
    "ended",
    "move",
    "opened",
    "reopen",
]
