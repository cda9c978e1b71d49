"""Where the demo that runs now can be reached, for whoever joins it from another terminal."""

import json
from dataclasses import asdict, dataclass

from examples.shop import environment
from examples.shop.launch import is_healthy

_FILE = environment.state_dir / "running.json"


@dataclass(frozen=True)
class Running:
    """Addresses, without a trailing slash."""

    portal: str
    shop: str
    pager: str


def note(portal: str, shop: str, pager: str) -> None:
    """Say where this demo is."""
    _FILE.write_text(json.dumps(asdict(Running(portal, shop, pager))))


def forget() -> None:
    """It is no longer there."""
    _FILE.unlink(missing_ok=True)


def find() -> Running | None:
    """The demo that runs; None: none does, also when one was killed."""
    try:
        found = Running(**json.loads(_FILE.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if is_healthy(found.shop) and is_healthy(found.pager) else None
