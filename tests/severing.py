"""A line to a server's Unix socket that a test can cut or freeze, and mend again.

Cut, it is like a server killed: what is open breaks and who comes is turned away. Frozen, it is
like a server stopped: connections stay, and nothing arrives.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class Line:
    """`path` leads to `server` while the line is whole."""

    def __init__(self, path: Path, server: Path) -> None:
        # How many were turned away, and how many pieces waited in the ice.
        self.refused = self.held = 0
        self._server = server
        self._flowing, self._whole = threading.Event(), True
        self._flowing.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole, self.refused = False, 0
        with self._lock:
            ends = list(self._open)
        for end in ends:
            _shut(end)

    def freeze(self) -> None:
        self.held = 0
        self._flowing.clear()

    def mend(self) -> None:
        self._whole = True
        self._flowing.set()

    def close(self) -> None:
        _shut(self._listener)
        self._listener.close()
        self.cut()
        self._flowing.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    if not self._whole:
                        raise ConnectionRefusedError
                    far.connect(str(self._server))
                except OSError:
                    self.refused += 1
                    near.close()
                    far.close()
                    continue
                with self._lock:
                    self._open |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                self.held += not self._flowing.is_set()
                self._flowing.wait()
                sink.sendall(piece)
        _shut(sink)
        _shut(source)
        with self._lock:
            self._open.discard(source)
        source.close()


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line(path: Path, server: Path) -> Iterator[Line]:
    """A line for the time of the block."""
    made = Line(path, server)
    try:
        yield made
    finally:
        made.close()
        path.unlink()
