"""Live topics: each is computed once per tick for all who watch it, encoded once, sent as is.

Apps register topics (`register`, `register_family`, `register_filtered`); pages subscribe over
`ws/live`. A viewer who cannot keep up gets the newest state, never a backlog.

`hub` feeds the sockets of one process and `show` runs one topic; `sharing` lets one process of
all compute it; `slots` and `wire` are one socket's way out; `access` and `doorkeeper` say who may
watch.
"""

from apps.core.live.topics import Topic, find, register, register_family, register_filtered

__all__ = ["Topic", "find", "register", "register_family", "register_filtered"]
