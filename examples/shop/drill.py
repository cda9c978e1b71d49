"""`make drill`, while `make demo` runs: a fault, from the page to the post-mortem.

It breaks the shop and then does over the portal's public API what whoever is on call would do.
Ctrl-C mends the shop at any point; what is open then ends by itself, or with the next drill.
"""

import fcntl
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import requests

from examples.shop import alerting, environment, faults, running
from examples.shop.launch import LaunchError
from examples.shop.oncall import OnCall
from examples.shop.portalapi import ApiError, Portal

FAULT: Final = "error_burst"
_BOOKINGS_PER_S: Final = 3.0
# One of those the crowd hardly asks for: it does not sell out by itself.
_EVENT: Final = 150


def drill(demo: running.Running, portal: Portal) -> None:
    """Go through it once. Raises ApiError when the portal does not follow."""
    mend()
    person = OnCall(portal, demo.pager, alerting.set_up_anew(portal, demo.pager))
    with customers(demo.shop):
        person.say(f"The fault {FAULT} is on: {faults.FAULTS[FAULT]}.", f"{demo.shop}/events")
        try:
            faults.write(faults.active() | {FAULT})
            episode = person.wait_for_the_page()
            person.acknowledge(episode)
            number = person.take_the_incident(episode)
            person.look_for_the_cause(number)
        finally:
            mend()
        person.say("The fault is mended; the alert ends when its figures are well again.")
        person.wait_for_the_end(episode, number)
    person.write_the_post_mortem(number)


def mend() -> None:
    """The fault is off. Other faults stay as they are."""
    faults.write(faults.active() - {FAULT})


@contextmanager
def customers(shop: str) -> Iterator[None]:
    """Steady bookings beside the crowd's, so that the drill does not wait for its ebb to pass."""
    stopped = threading.Event()

    def book() -> None:
        order = {"event_id": _EVENT, "seats": 1, "customer": "drill"}
        while not stopped.wait(1 / _BOOKINGS_PER_S):
            with suppress(requests.RequestException):
                if requests.post(f"{shop}/bookings", json=order, timeout=15).status_code == 409:
                    requests.post(f"{shop}/events/{_EVENT}/restock", timeout=15)

    thread = threading.Thread(target=book, name="customers")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else drills. Raises LaunchError."""
    environment.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The kernel lets go of it however this process ends.
    with (environment.state_dir / "drill.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LaunchError("Another drill is running.") from None
        yield


def main() -> int:
    def on_signal(*_: Any) -> None:
        # An impatient second Ctrl-C must not cut the tidying short.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    demo = running.find()
    if demo is None:
        print("The demo does not run; start it in another terminal: make demo", file=sys.stderr)
        return 1
    try:
        key = alerting.api_key(demo.portal)
        if key is None:
            raise LaunchError("Name a key of scopes read and operate: PHAROS_DEMO_OPERATE_KEY.")
        with alone():
            drill(demo, Portal(demo.portal, key))
    except (ApiError, LaunchError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nBroken off; the fault is mended, the alert and its incident end by themselves.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
