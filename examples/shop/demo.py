"""`python -m examples.shop.demo` (`make demo`): the portal, the shop, and traffic until Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack

from examples.shop import alerting, environment, keys, running
from examples.shop.launch import (
    PROJECT,
    STARTS_WITHIN_S,
    LaunchError,
    services,
    start,
    stop,
    wait_until_healthy,
)
from examples.shop.portalapi import ApiError, Portal
from examples.shop.traffic import Crowd


def say(text: str) -> None:
    """One line for the person at the terminal, at once."""
    print(text, flush=True)


def portal(stack: ExitStack) -> str:
    """The address of the running portal, started (and later stopped) by us when none runs.

    PHAROS_DEMO_URL names one that runs elsewhere.
    """
    if named := os.environ.get("PHAROS_DEMO_URL"):
        return named
    if url := _running_portal():
        wait_until_healthy(url, None, "The portal")
        return url
    say("Starting the portal …")
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.run", "up"], cwd=PROJECT, start_new_session=True
    )
    stack.callback(stop, process, 120.0)
    deadline = time.monotonic() + STARTS_WITHIN_S
    # Its own word first: a stranger on the same port would answer /health as well.
    while (url := _running_portal()) is None:
        # One that ends well leaves the field to another terminal, where it is starting already.
        if process.poll() or time.monotonic() > deadline:
            raise LaunchError("The portal did not start.")
        time.sleep(0.5)
    wait_until_healthy(url, process if process.poll() is None else None, "The portal")
    return url


def _running_portal() -> str | None:
    asked = subprocess.run(
        [sys.executable, "-m", "portal.run", "status"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return asked.stdout.splitlines()[0].strip() if asked.returncode == 0 else None


def ingest_key(portal_url: str) -> str:
    """A key the portal takes telemetry with: the one of the last demo, else a new one."""
    if named := os.environ.get("PHAROS_DEMO_KEY"):
        return named
    return keys.kept(
        "ingest_key", "example shop", ["ingest"], lambda k: _is_accepted(portal_url, k)
    )


def _is_accepted(portal_url: str, key: str) -> bool:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    asking = urllib.request.Request(  # noqa: S310
        f"{portal_url}/v1/traces", data=b"{}", headers=headers
    )
    try:
        with urllib.request.urlopen(asking, timeout=10) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        # Refused, gone, or (TimeoutError) too busy to say: a new key is asked for.
        return False


def _prepare() -> None:
    say("Preparing the shop's data …")
    done = subprocess.run([sys.executable, "-m", "examples.shop.prepare"], cwd=PROJECT, check=False)
    if done.returncode:
        raise LaunchError("The shop's database could not be prepared.")


def _start_pager(stack: ExitStack, url: str) -> str:
    """The pager, and a rule of the shop that pages it; its address, or why there is none."""
    process = subprocess.Popen(alerting.pager_command(), cwd=PROJECT, start_new_session=True)
    stack.callback(stop, process)
    wait_until_healthy(alerting.pager_url(), process, "The pager")
    try:
        alerting.set_up(Portal(url, alerting.api_key(url)))
    except (ApiError, LaunchError) as error:
        return f"pages nobody: {error}"
    return alerting.pager_url()


def _start_pager(stack: ExitStack, url: str) -> str:
    """The pager and the rule that calls it; what to say of it."""
    process = alerting.start_pager()
    stack.callback(stop, process)
    wait_until_healthy(alerting.URL, process, "The pager")
    try:
        key = alerting.api_key(url)
        if key is None:
            return f"{alerting.URL}  (called by nobody: PHAROS_DEMO_OPERATE_KEY is not set)"
        rule = alerting.set_up(Portal(url, key), alerting.URL)
    except (ApiError, LaunchError) as error:
        return f"{alerting.URL}  (called by nobody: {error})"
    return f"{alerting.URL}  (called by {url}/admin/alerts/rule/{rule}/change/)"


def demo(serving: threading.Event, stopped: threading.Event) -> None:
    """Run until `stopped` is set; leave nothing running that was not there before."""
    with ExitStack() as stack:
        url = portal(stack)
        key = ingest_key(url)
        _prepare()
        shop, inventory = services()
        for service in (inventory, shop):
            process = start(service, url, key, environment.state_dir)
            stack.callback(stop, process)
            wait_until_healthy(service.url, process, f"The service {service.name}")
        pager = _start_pager(stack, url)
        running.note(url, shop.url, alerting.URL)
        stack.callback(running.forget)
        say(f"\n  portal     {url}/\n  shop       {shop.url}/events\n  inventory  {inventory.url}")
        say(f"  pager      {pager}")
        say("\n  faults     .venv/bin/python -m examples.shop.fault on n_plus_1")
        say("  drill      make drill, in another terminal: a fault, from page to post-mortem")
        say("  stop       Ctrl-C\n")
        crowd = Crowd(shop.url, float(os.environ.get("SHOP_REQUESTS_PER_S", "3")))
        serving.set()
        crowd.run(stopped)
        say(f"\nAnswers by status: {dict(crowd.counts)}. Stopping …")


def main() -> int:
    serving, stopped = threading.Event(), threading.Event()

    def on_signal(_number: int, _frame: object) -> None:
        # An impatient second Ctrl-C must not cut the tidying short.
        again = stopped.is_set()
        stopped.set()
        if not again and not serving.is_set():
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        demo(serving, stopped)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    say("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
