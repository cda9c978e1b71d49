"""`python -m examples.shop.demo` (`make demo`): the portal, the shop, and traffic until Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from examples.shop import environment
from examples.shop.launch import (
    PROJECT,
    LaunchError,
    services,
    start,
    stop,
    wait_until_healthy,
)
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
    # Its own word first: a stranger on the same port would answer /health as well.
    while (url := _running_portal()) is None:
        if process.poll() is not None:
            raise LaunchError("The portal did not start.")
        time.sleep(0.5)
    wait_until_healthy(url, process, "The portal")
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
    file = environment.state_dir / "ingest_key"
    if file.exists() and _is_accepted(portal_url, kept := file.read_text().strip()):
        return kept
    made = subprocess.run(
        [sys.executable, "manage.py", "apikey", "example shop", "--scope", "ingest"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise LaunchError(f"No API key could be made: {made.stderr.strip()}")
    key = made.stdout.strip()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(file, key)
    return key


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


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
        say(f"\n  portal     {url}/\n  shop       {shop.url}/events\n  inventory  {inventory.url}")
        say("\n  faults     .venv/bin/python -m examples.shop.fault on n_plus_1")
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
