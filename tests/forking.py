"""Processes to be killed by the hundred, forked from one that has loaded Django already.

Starting Python and Django takes a second or two of a core; a fork of a process that has them takes
milliseconds. `Forks(module, environment).start(*argv)` runs `module.main()` in a new process with
`sys.argv[1:] == argv`. The module's `preload()` imports what each of them would import.
"""

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from tests.servers import die_with_parent

PROJECT = Path(__file__).resolve().parents[1]
_STATUS = 3


class Forked:
    """A process of `Forks`, used as a `subprocess.Popen` in text mode with three pipes."""

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int, status: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "w")
        self.stdout = os.fdopen(stdout)
        self.stderr = os.fdopen(stderr)
        self._status = os.fdopen(status)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative after a signal; None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        status = self._wait(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("fork", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, words: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Say this, read both outputs to their ends. Raises subprocess.TimeoutExpired."""
        said = {"out": "", "err": ""}

        def read(name: str, pipe: Any) -> None:
            said[name] = pipe.read()

        readers = [
            threading.Thread(target=read, args=pair, daemon=True)
            for pair in (("out", self.stdout), ("err", self.stderr))
        ]
        for reader in readers:
            reader.start()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.write(words)
            self.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        for pipe in (self.stdout, self.stderr, self._status):
            pipe.close()
        return said["out"], said["err"]

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(self._status.read() or -signal.SIGKILL)
        return self.returncode


class Forks:
    """The loaded process and what it starts. `close` ends it."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        # Of the test's worker: `tests.servers` would take it for one and choose Redis anew.
        own = {name: text for name, text in environment.items() if name != "PYTEST_XDIST_WORKER"}
        self._line, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", module, str(theirs.fileno())],
            cwd=PROJECT, env=own, pass_fds=[theirs.fileno()], preexec_fn=die_with_parent,
        )  # fmt: skip
        theirs.close()
        assert self._line.recv(5) == b"ready"

    def start(self, *argv: str, **environment: str) -> Forked:
        """A new process; `environment` comes on top of that of the loaded one."""
        inner, outer = zip(*(os.pipe() for _ in range(4)), strict=True)
        theirs = [inner[0], outer[1], outer[2], outer[_STATUS]]
        ours = [outer[0], inner[1], inner[2], inner[_STATUS]]
        message = json.dumps({"argv": argv, "environment": environment}).encode()
        socket.send_fds(self._line, [message], theirs)
        for end in theirs:
            os.close(end)
        return Forked(int(self._line.recv(20)), *ours)

    def close(self) -> None:
        self._line.close()
        self._process.terminate()
        self._process.wait()


class _Loaded:
    """The process that forks."""

    def __init__(self, module: str, line: socket.socket) -> None:
        self._module = importlib.import_module(module)
        self._line = line
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken.fileno())
        self._line.send(b"ready")
        while True:
            ready, _, _ = select.select([self._line, wake], [], [])
            if wake in ready:
                wake.recv(1000)
                self._reap()
            if self._line in ready:
                message, ends, _, _ = socket.recv_fds(self._line, 65_536, 4)
                if not message:
                    return
                self._line.send(str(self._fork(json.loads(message), ends)).encode())

    def _fork(self, wish: dict[str, Any], ends: list[int]) -> int:
        pid = os.fork()
        if pid == 0:
            self._become(wish, ends)
        for end in ends[:_STATUS]:
            os.close(end)
        self._children[pid] = ends[_STATUS]
        return pid

    def _become(self, wish: dict[str, Any], ends: list[int]) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent()
        self._line.close()
        for status in (*self._children.values(), ends[_STATUS]):
            os.close(status)
        for number, end in enumerate(ends[:_STATUS]):
            os.dup2(end, number)
            os.close(end)
        os.environ.update(wish["environment"])
        sys.argv[1:] = wish["argv"]
        status = 1
        try:
            self._module.main()
            status = 0
        except BaseException:  # noqa: BLE001 (the end of the process)
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, how = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                status = self._children.pop(pid)
                os.write(status, str(os.waitstatus_to_exitcode(how)).encode())
                os.close(status)


def main() -> None:
    import django

    django.setup()
    name, line = sys.argv[1:3]
    loaded = _Loaded(name, socket.socket(fileno=int(line)))
    getattr(loaded._module, "preload", lambda: None)()
    loaded.serve()


if __name__ == "__main__":
    main()
