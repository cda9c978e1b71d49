"""`python -m portal.run up|down|reset|status|logs`."""

import argparse
import os
import shutil
import signal
import sys
import time

from portal.run import daemon, leftovers
from portal.run.lock import Lock
from portal.run.plan import Plan, RunError
from portal.run.up import say, stop_everything, up


def down(plan: Plan) -> int:
    """Stop the portal from anywhere, also when supervisord or its launcher was killed."""
    if not plan.home.root.exists():
        say("Nothing is running.")
        return 0
    lock = Lock(plan.home)
    if not lock.take():
        os.kill(int(lock.read()["pid"]), signal.SIGTERM)
        deadline = time.monotonic() + 120
        while not lock.take():
            if time.monotonic() > deadline:
                raise RunError("The launcher does not stop; kill it and run make down again.")
            time.sleep(0.1)
        say("Stopped.")
    elif daemon.pid(plan.home) is not None or leftovers.find(plan.home):
        stop_everything(plan)
        say("Stopped.")
    else:
        say("Nothing is running.")
    lock.release()
    return 0


def reset(plan: Plan) -> int:
    """Stop, then remove every trace: database, logs, secrets, sockets."""
    down(plan)
    for path in (plan.home.run_dir, plan.home.root):
        if path.exists():
            shutil.rmtree(path)
            say(f"Removed {path}")
    return 0


def status(plan: Plan) -> int:
    """Print each program's state; exit code 3 when nothing runs (as init scripts do)."""
    states = daemon.states(plan.home)
    if not states:
        say("Nothing is running.")
        return 3
    say(plan.url)
    for name, state in states.items():
        say(f"  {name:<12}{state.lower()}")
    return 0


def logs(plan: Plan) -> int:
    """Follow every log until Ctrl-C."""
    files = sorted(str(path) for path in plan.home.log_dir.glob("*.log"))
    if not files:
        raise RunError(f"There are no logs in {plan.home.log_dir} yet.")
    os.execvp("tail", ["tail", "-n", "50", "-F", *files])  # noqa: S606


def main() -> int:
    """Parse, run one verb, and turn its failure into one sentence."""
    verbs = {"up": up, "down": down, "reset": reset, "status": status, "logs": logs}
    parser = argparse.ArgumentParser(prog="python -m portal.run")
    parser.add_argument("verb", choices=verbs)
    verb = parser.parse_args().verb
    try:
        return verbs[verb](Plan.current())
    except RunError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
