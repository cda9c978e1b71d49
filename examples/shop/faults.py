"""Planted faults: what each does, and whether it is on right now.

Switches live in one small file that every process of the shop reads at most twice a second, so they
can be turned while traffic runs. `FAULTS=n_plus_1,error_burst` turns some on at the start.
"""

import json
import os
import time
from collections.abc import Collection
from typing import Final

from examples.shop import environment

FAULTS: Final = {
    "n_plus_1": "the event list reads each venue with a query of its own",
    "missing_index": "the index behind the price history is dropped",
    "slow_downstream": "the inventory service answers 0.6 to 1.2 s late",
    "error_burst": "three bookings in ten fail with an exception",
    "small_pool": "the shop has one database connection for all its threads",
    "stampede": "the demand analysis is computed by every request that misses the cache",
    "lock_wait": "every booking locks the same row for a quarter of a second",
    "idle_in_transaction": "a booking asks the inventory while its transaction is open",
    "queue_backlog": "the one worker of the mail queue takes 1.5 s for each confirmation",
    "blocked_loop": "quotes block the event loop for 0.3 s",
    "cacheable": "the event list counts all bookings for every visitor",
}
_READ_AGAIN_S: Final = 0.5
_path = environment.state_dir / "faults.json"
_seen: frozenset[str] = frozenset()
_read_at = -_READ_AGAIN_S


def active() -> frozenset[str]:
    """The faults that are on; a file that cannot be read means none."""
    global _seen, _read_at
    now = time.monotonic()
    if now - _read_at >= _READ_AGAIN_S:
        _read_at = now
        try:
            _seen = frozenset(json.loads(_path.read_text())) & FAULTS.keys()
        except (OSError, ValueError):
            _seen = frozenset()
    return _seen


def is_on(name: str) -> bool:
    return name in active()


def write(names: Collection[str]) -> None:
    """Make exactly these faults active, seen by every process within half a second."""
    global _read_at
    _path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _path.with_suffix(".new")
    draft.write_text(json.dumps(sorted(names)))
    draft.replace(_path)
    _read_at = -_READ_AGAIN_S


def named_at_start() -> list[str]:
    """The faults named in FAULTS. Raises ValueError for one that does not exist."""
    names = [name.strip() for name in os.environ.get("FAULTS", "").split(",") if name.strip()]
    unknown = sorted(set(names) - FAULTS.keys())
    if unknown:
        raise ValueError(f"FAULTS knows no {', '.join(unknown)}; it knows {', '.join(FAULTS)}.")
    return names
