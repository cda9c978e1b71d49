"""Stores in a parent and in its forked child, then exits with a batch still queued in each."""

import os
import sys

import django

django.setup()

from apps.monitoring.intake.commit import committer  # noqa: E402
from tests.monitoring.store import make  # noqa: E402


def send(name: str) -> None:
    assert committer().ingest(make.batch(logs=[make.log(name)]), 20).accepted == 1


send("before")
child = os.fork()
name = "parent" if child else "child"
for _ in range(3):
    send(name)
committer().submit(make.batch(logs=[make.log(f"{name} queued")]))
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
