"""What the health report says of live topics in this process."""

import asyncio
from typing import Any

from apps.core.live.doorkeeper import doorkeeper
from apps.core.live.hub import hub


def facts() -> dict[str, Any]:
    """Topics with their role and age, viewers, open sockets and tasks. Call on the event loop."""
    return {
        **hub().facts(),
        "sockets": doorkeeper.guests,
        "tasks": len(asyncio.all_tasks()),
    }
