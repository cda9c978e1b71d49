"""Whether this process still takes new work."""

import threading

_draining = threading.Event()


def start_draining() -> None:
    """From now on load balancers are told to look elsewhere."""
    _draining.set()


def is_draining() -> bool:
    """Whether the process is on its way out."""
    return _draining.is_set()
