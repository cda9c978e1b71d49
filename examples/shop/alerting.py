"""Who is told when the shop fails: a rule and a pager, set up over the portal's public API."""

import os
import sys
from typing import Any, Final

from examples.shop.keys import kept_key
from examples.shop.portalapi import ApiError, Portal

RULE: Final[dict[str, Any]] = {
    "name": "The shop fails",
    "summary": "More than one request in ten of a route ends in a server error.",
    "query": {
        "metric": "http.server.request.duration",
        "aggregation": "ratio",
        "scope": {"service.name": "shop"},
        "by": ["service.name", "http.route"],
        "numerator_scope": {"http.response.status_code": "5*"},
        "window_s": 30,
        "min_samples": 5,
    },
    "condition": "threshold",
    "severities": {"critical": {"at": 0.10, "clear": 0.05}},
    "for_s": 10,
    "interval_s": 5,
    "no_data": "missing",
    "opens_incident": "critical",
    "force": True,
}
PAGER_PORT: Final = int(os.environ.get("SHOP_PAGER_PORT", "8022"))


def pager_url() -> str:
    """Where the pager listens."""
    return f"http://127.0.0.1:{PAGER_PORT}"


def pager_command() -> list[str]:
    """What starts it."""
    return [sys.executable, "-m", "examples.shop.pager", str(PAGER_PORT)]


def set_up(portal: Portal) -> None:
    """The rule and its channel; the same call twice changes nothing. Raises ApiError."""
    channel = {"kind": "webhook", "target": f"{pager_url()}/page"}
    portal.post("/admin/alerts/rule", {**RULE, "channels": [channel]})


def api_key(url: str) -> str:
    """A key that may read and operate: the one of the last demo, else a new one."""
    if named := os.environ.get("PHAROS_DEMO_OPERATE_KEY"):
        return named
    return kept_key("operate_key", ["read", "operate"], lambda key: _reads(url, key))


def _reads(url: str, key: str) -> bool:
    try:
        Portal(url, key).get("/admin/monitoring/alerts?limit=1")
    except ApiError:
        return False
    return True
