"""Who is told when the shop fails: a rule and a pager, set up over the portal's public API."""

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any, Final
from urllib.parse import urlencode

from examples.shop import keys
from examples.shop.launch import PROJECT, check_port
from examples.shop.portalapi import ApiError, Portal

RULE: Final = "The shop fails"
SERVICE: Final = "shop"
PORT: Final = int(os.environ.get("SHOP_PAGER_PORT", "8022"))
URL: Final = f"http://127.0.0.1:{PORT}"


def start_pager() -> "subprocess.Popen[bytes]":
    """Somebody's pager, as a process. Raises LaunchError when its port is taken."""
    check_port(PORT, "SHOP_PAGER_PORT")
    return subprocess.Popen(
        [sys.executable, "-m", "examples.shop.pager", str(PORT)],
        cwd=PROJECT, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def pages(pager_url: str) -> list[dict[str, Any]]:
    """What the pager has been sent, newest first. Raises OSError."""
    with urllib.request.urlopen(f"{pager_url}/pages", timeout=10) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.load(answer)
    return found


def set_up(portal: Portal, pager_url: str) -> int:
    """The rule that pages when the shop fails; its id. The same call twice changes nothing.

    Raises ApiError.
    """
    wish = {
        "name": RULE,
        "summary": "More than one request in ten of a route ends in a server error.",
        "query": {
            "metric": "http.server.request.duration",
            "aggregation": "ratio",
            "scope": {"service.name": SERVICE},
            "by": ["service.name", "http.route"],
            "numerator_scope": {"http.response.status_code": "5*"},
            "window_s": int(os.environ.get("SHOP_RULE_WINDOW_S", "30")),
            "min_samples": 3,
        },
        "condition": "threshold",
        "severities": {"critical": {"at": 0.10, "clear": 0.05}},
        "for_s": 5,
        "interval_s": 5,
        "no_data": "missing",
        "opens_incident": "critical",
        "channels": [{"kind": "webhook", "target": f"{pager_url}/page"}],
        # The shop may not have sent its first figures yet.
        "force": True,
    }
    return int(portal.post("/admin/alerts/rule", wish)["id"])


def set_up_anew(portal: Portal, pager_url: str) -> int:
    """As `set_up`, with nothing left of what the rule saw before. Raises ApiError.

    What an earlier drill left open ends, and the third one within an hour is not held for flapping.
    """
    for one in portal.get(f"/admin/alerts/rule?{urlencode({'search': RULE})}")["items"]:
        if one["name"] == RULE:
            portal.delete(f"/admin/alerts/rule/{one['id']}")
    return set_up(portal, pager_url)


def api_key(url: str) -> str | None:
    """A key of whoever is on call; None: the portal runs elsewhere, and nobody named one.

    Raises LaunchError when none can be made.
    """
    if named := os.environ.get("PHAROS_DEMO_OPERATE_KEY"):
        return named
    if os.environ.get("PHAROS_DEMO_URL"):
        return None
    return keys.kept("operate_key", "shop on call", ["read", "operate"], lambda k: _reads(url, k))


def _reads(url: str, key: str) -> bool:
    try:
        Portal(url, key).get("/admin/monitoring/alerts?page_size=1")
    except ApiError:
        return False
    return True
