"""Where one installation keeps its state: `.pharos/` or `PHAROS_HOME`."""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_PROJECT = Path(__file__).resolve().parents[3]
# sun_path holds 108 bytes; PostgreSQL appends "/.s.PGSQL.5432.lock".
_LONGEST_SOCKET_DIR = 80
_MARK = "pharos.home"


class HomeError(RuntimeError):
    """The state directory cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Home:
    """The state directory of one installation; every path below it, none made until `make()`."""

    root: Path

    @classmethod
    def current(cls) -> "Home":
        """The home named by `PHAROS_HOME`, else `.pharos/` beside manage.py."""
        named = os.environ.get("PHAROS_HOME")
        return cls(Path(named).expanduser().resolve() if named else _PROJECT / ".pharos")

    @property
    def run_dir(self) -> Path:
        """Sockets and pid files; moved below the temporary directory when the path is too long."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_DIR:
            return inside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"pharos-{os.getuid()}-{digest}"

    @property
    def log_dir(self) -> Path:
        return self.root / "log"

    @property
    def postgresql_dir(self) -> Path:
        return self.root / "postgresql"

    @property
    def redis_dir(self) -> Path:
        return self.root / "redis"

    @property
    def static_dir(self) -> Path:
        return self.root / "static"

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL over its Unix socket."""
        return f"postgresql://postgres@/pharos?host={quote(str(self.run_dir), safe='')}"

    @property
    def redis_url(self) -> str:
        """The embedded Redis over its Unix socket."""
        return f"unix://{self.run_dir}/redis.sock"

    def make(self) -> None:
        """Create the directories, readable by their owner only. Raises HomeError."""
        try:
            self._claim_root()
            for path in (self.log_dir, self.redis_dir, self.static_dir, self.run_dir):
                path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        self._claim_run_dir()

    def _unusable(self, error: OSError) -> HomeError:
        return HomeError(
            f"The state directory {self.root} cannot be used: {error.strerror}. "
            "Set PHAROS_HOME to a directory you own."
        )

    def _claim_root(self) -> None:
        # `make reset` removes this directory whole, so it must never be one with other things in.
        mark = self.root / _MARK
        if not mark.exists():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(self.root.iterdir()) and not mark.exists():
                raise HomeError(
                    f"{self.root} holds files that are not Pharos'. "
                    "Set PHAROS_HOME to a new or an empty directory."
                )
            mark.touch(mode=0o600)
            self.root.chmod(0o700)

    def _claim_run_dir(self) -> None:
        # A shared temporary directory lets anyone make this name first and wait for our sockets.
        found = self.run_dir.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), self._keeper()}:
            raise HomeError(
                f"{self.run_dir} belongs to somebody else. Remove it, or set PHAROS_HOME to a "
                f"path shorter than {_LONGEST_SOCKET_DIR - len('/run')} bytes."
            )
        if found.st_uid == os.getuid():
            self.run_dir.chmod(0o700)

    def _keeper(self) -> int:
        # Where PostgreSQL runs under an account of its own, that account owns data and sockets.
        try:
            return self.postgresql_dir.stat().st_uid
        except FileNotFoundError:
            return os.getuid()

    def secret(self, name: str) -> str:
        """A random secret of this installation, made on first use and kept in a 0600 file."""
        path = self.root / name
        try:
            if path.is_file():
                return path.read_text().strip()
            self._claim_root()
            # Written aside and linked, so that nobody ever reads half a secret.
            draft = self.root / f"{name}.{os.getpid()}"
            value = secrets.token_urlsafe(48)
            draft.touch(mode=0o600)
            draft.write_text(value)
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(draft)
            draft.unlink()
            return path.read_text().strip()
        except OSError as error:
            raise self._unusable(error) from error
