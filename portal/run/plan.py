"""What one start will do: which servers are ours, where to listen, what children inherit."""

import errno
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from apps.core.embedded.home import Home

PROJECT = Path(__file__).resolve().parents[2]
# Marks every process of this portal, so that leftovers are found when supervisord is gone.
MARK = "PHAROS_RUN_HOME"


class RunError(Exception):
    """Stops the launcher with one sentence and an exit code of sysexits.h."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Plan:
    """The frame of one portal. `embeds_*` is False where the environment names a real server."""

    home: Home
    host: str
    port: int
    embeds_postgresql: bool
    embeds_redis: bool
    # Certificate and key that our own port speaks TLS with; empty for plain HTTP.
    tls_cert: str = ""
    tls_key: str = ""

    @classmethod
    def current(cls) -> "Plan":
        """Read the environment; a wrong variable ends the process with exit code 78."""
        from portal.settings import environment as env
        from portal.settings import secrets

        return cls(
            home=env.home,
            host=env.HOST,
            port=env.PORT,
            embeds_postgresql=not secrets.given("DATABASE_URL"),
            embeds_redis=not secrets.given("REDIS_URL"),
            tls_cert=env.TLS_CERT,
            tls_key=env.TLS_KEY,
        )

    @property
    def url(self) -> str:
        """The address a person opens; a wildcard bind is reached over the loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """What every child inherits."""
        return {
            **os.environ,
            "PHAROS_HOME": str(self.home.root),
            MARK: str(self.home.root),
            "PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONPATH": str(PROJECT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        }

    def claim_port(self) -> None:
        """Raise RunError unless the port is free. Nothing has been started yet."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
                probe.listen()
            except OSError as error:
                raise RunError(self._why(error)) from None

    def _why(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            other = self.port + 1 if self.port < 65535 else 8000
            return f"Port {self.port} is taken; choose another: PORT={other} make run"
        if error.errno == errno.EACCES:
            return f"Port {self.port} needs more rights; choose one above 1023: PORT=8000 make run"
        return f"{self.host}:{self.port} cannot be listened on: {error.strerror}"
