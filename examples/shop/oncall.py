"""Whoever is on call during a drill: what they do, over the public API, and what it took."""

import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from examples.shop import alerting
from examples.shop.portalapi import ConflictError, Portal, until

Json = dict[str, Any]


class OnCall:
    """One person with a pager, and the clock of the drill. Every verb raises ApiError."""

    def __init__(self, portal: Portal, pager: str, rule: int) -> None:
        self._portal = portal
        self._pager = pager
        self._rule = rule
        self._begun = time.monotonic()

    def say(self, text: str, *links: str) -> None:
        """One step, with the time since the drill began, and where it shows."""
        passed = timedelta(seconds=round(time.monotonic() - self._begun))
        print("\n        ".join([f"{str(passed)[3:]}  {text}", *links]), flush=True)

    def wait_for_the_page(self) -> str:
        """The episode the pager tells of."""
        page = until(
            "the page", lambda: self._paged("firing", [one["id"] for one in self._alerts()])
        )
        breach, episode = page["breaches"][0], str(page["episode"])
        self.say(
            f"Paged: {page['rule']['name']}. {breach['value']:.0%} of {_route(breach)} fail,"
            f" {breach['threshold']:.0%} are allowed.",
            f"{self._pager}/",
            f"{self._portal.url}/admin/alerts/board/",
        )  # fmt: skip
        return episode

    def acknowledge(self, episode: str) -> None:
        """Nobody else is called."""
        self._portal.post(f"/admin/alerts/episodes/{episode}/acknowledgement", {"note": "On it."})
        self.say("Acknowledged.", f"{self._portal.url}/admin/alerts/episode/{episode}/change/")

    def take_the_incident(self, episode: str) -> int:
        """The number of the incident that the rule opened."""
        number = until("the incident", lambda: self._incident_of(episode))
        self._move(number, "acknowledged", "")
        self.say(f"Incident #{number} is open.", f"{self._portal.url}/admin/incidents/{number}/")
        return number

    def look_for_the_cause(self, number: int) -> None:
        """A failed booking as evidence, the finding, and what is to be done afterwards."""
        asked = "service=shop&route=bookings&code=5xx&from=now-15m"
        found = until(
            "a failed booking",
            lambda: self._portal.get(f"/admin/performance/traces?{asked}")["items"],
        )
        trace, work = found[0]["trace_id"], f"/admin/incidents/{number}"
        self._portal.post(
            f"{work}/links", {"kind": "trace", "ref": trace, "title": "A booking that failed"}
        )
        self._move(number, "identified", "The payment provider's answer is not handled.")
        self._portal.post(
            f"{work}/tasks", {"text": "Handle a refused payment, and test it", "afterwards": True}
        )
        self.say("Cause found.", f"{self._portal.url}/admin/traces/{trace}/")

    def wait_for_the_end(self, episode: str, number: int) -> None:
        """The alert ends, the pager says so, and the incident is resolved with its last alert."""
        with suppress(ConflictError):  # it may have ended already
            self._move(number, "monitoring", "Payments are taken again.")
        until("the end of the alert", lambda: not self._alerts())
        until("the all-clear", lambda: self._paged("resolved", [episode]))
        self.say("All clear.", f"{self._portal.url}/admin/alerts/why/{episode}/")
        until("the incident's end", lambda: self._incident(number)["status"] == "resolved")
        figures = self._incident(number)["figures"]
        self.say(
            f"Incident #{number} is resolved: acknowledged after"
            f" {figures['to_acknowledge_s']:.0f} s (MTTA),"
            f" resolved after {figures['to_resolve_s']:.0f} s (MTTR).",
            f"{self._portal.url}/admin/incidents/{number}/",
        )  # fmt: skip

    def write_the_post_mortem(self, number: int) -> None:
        """Keep the portal's draft, and close."""
        kept = self._portal.post(f"/admin/incidents/{number}/postmortem", {})
        self._move(number, "closed", "The post-mortem is drafted.")
        lines = len(kept["text"].splitlines())
        self.say(
            f"Post-mortem drafted from the timeline, {lines} lines.",
            f"{self._portal.url}/admin/incidents/{number}/learned/",
        )

    def _alerts(self) -> list[Json]:
        found: list[Json] = self._portal.get(f"/admin/monitoring/alerts?rule={self._rule}")["items"]
        return found

    def _incidents(self, status: str) -> list[Json]:
        asked = f"status={status}&service={alerting.SERVICE}&page_size=100"
        found = self._portal.get(f"/admin/incidents?{asked}")["items"]
        return [one for one in found if one["key"] == f"rule:{self._rule}:{alerting.SERVICE}"]

    def _incident(self, number: int) -> Json:
        found: Json = self._portal.get(f"/admin/incidents/{number}")
        return found

    def _incident_of(self, episode: str) -> int | None:
        numbers = [int(one["id"]) for one in self._incidents("unresolved")]
        return next((n for n in numbers if episode in self._incident(n)["episodes"]), None)

    def _move(self, number: int, status: str, text: str) -> None:
        self._portal.post(f"/admin/incidents/{number}/status", {"status": status, "text": text})

    def _paged(self, purpose: str, episodes: list[str]) -> Json | None:
        found = alerting.pages(self._pager)
        return next(
            (p for p in found if p["purpose"] == purpose and p["episode"] in episodes), None
        )


def _route(breach: Json) -> str:
    return str(breach["labels"].get("http.route", "requests"))
