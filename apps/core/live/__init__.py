"""Live topics: each is computed once per tick for all who watch it, encoded once, sent as is.

Apps register topics (`register`, `register_family`); pages subscribe over `ws/live`. A viewer who
cannot keep up gets the newest state, never a backlog.
"""

from apps.core.live.topics import Topic, find, register, register_family

__all__ = ["Topic", "find", "register", "register_family"]
