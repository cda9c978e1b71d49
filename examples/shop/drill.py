"""`python -m examples.shop.drill`: a fault, from page to post-mortem, while `make demo` runs.

It switches `error_burst` on, waits for the page, acknowledges it, works the incident, mends the
fault, and prints the post-mortem that the portal drafted. Everything goes over the public API.
"""

import os
import subprocess
import sys
from typing import Any

import django

from examples.shop.alerting import RULE, api_key
from examples.shop.demo import LaunchError, running_portal, say
from examples.shop.portalapi import ApiError, Portal

FAULT = "error_burst"


def drill(portal: Portal) -> str:
    """Go through it once; the post-mortem. Raises ApiError when the portal does not follow."""
    say(f"1  Fault {FAULT} on: three bookings in ten fail.")
    _switch(on=True)
    try:
        episode = portal.until("the alert", lambda: firing(portal))
        say(f"2  Paged: {episode['type']}, {episode['scope']}. {portal.url}/admin/alerts/board/")
        portal.post(f"/admin/alerts/episodes/{episode['id']}/acknowledgement", {"note": "On it."})
        say("3  Acknowledged: nobody else is called.")
        number = portal.until("the incident", lambda: incident_of(portal, episode["id"]))
        say(f"4  Incident {number}: {portal.url}/admin/incidents/{number}/")
        work = f"/admin/incidents/{number}"
        portal.post(f"{work}/status", {"status": "identified", "text": "The payment step raises."})
        portal.post(f"{work}/tasks", {"text": "Test the payment step", "afterwards": True})
    finally:
        _switch(on=False)
    say("5  Fault mended; waiting until the figures are well again.")
    portal.until("the end of the alert", lambda: not firing(portal), 300)
    portal.post(f"{work}/status", {"status": "resolved", "text": "Bookings succeed again."})
    say("6  Resolved. The post-mortem's draft:\n")
    kept = portal.post(f"{work}/postmortem", {})
    return str(kept["text"])


def firing(portal: Portal) -> dict[str, Any] | None:
    """The open episode of the shop's rule."""
    found = portal.get("/admin/monitoring/alerts?state=firing&state=recovering")
    return next((one for one in found["items"] if one["type"] == RULE["name"]), None)


def incident_of(portal: Portal, episode: str) -> int | None:
    """The number of the unresolved incident this episode belongs to."""
    for one in portal.get("/admin/incidents")["items"]:
        if episode in portal.get(f"/admin/incidents/{one['id']}")["episodes"]:
            return int(one["id"])
    return None


def _switch(*, on: bool) -> None:
    from examples.shop.fault import switch

    switch(FAULT, on=on)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.shop.settings")
    django.setup()
    url = os.environ.get("PHAROS_DEMO_URL") or running_portal()
    if url is None:
        print("No portal runs; start it with make demo.", file=sys.stderr)
        return 1
    try:
        print(drill(Portal(url, api_key(url))))
    except (ApiError, LaunchError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
