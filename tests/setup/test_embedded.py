"""The embedded servers, started for real: both origins, as root and not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from apps.core.embedded import identity, postgresql
from apps.core.embedded import redis as embedded_redis
from apps.core.embedded.home import Home, HomeError
from tests.conftest import PROJECT
from tests.servers import die_with_parent

pytestmark = [pytest.mark.setup, pytest.mark.timeout(120)]

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to take on other identities")


@pytest.fixture(params=["system", "wheel"])
def origin(request, monkeypatch) -> str:
    monkeypatch.setenv("PHAROS_POSTGRESQL", request.param)
    monkeypatch.setenv("PHAROS_REDIS", request.param)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    try:
        found = postgresql.find().origin, embedded_redis.find()[1]
    except (postgresql.PostgreSQLError, embedded_redis.RedisError) as error:
        pytest.skip(str(error))
    if request.param not in found:
        pytest.skip(f"no {request.param} PostgreSQL with contrib and no {request.param} Redis here")
    return request.param


def _run_postgresql(home: Home) -> dict[str, str]:
    """Start the server, ask it a few things, stop it as supervisor does; returns the answers."""
    postgresql.prepare(home)
    log = home.root / "out.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            postgresql.command(home, "fsync=off"), stdout=out, stderr=out,
            preexec_fn=die_with_parent, cwd="/",
        )  # fmt: skip
    try:
        answers = _ask(home, server, log)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0, log.read_text()
    assert not list(home.run_dir.glob(".s.PGSQL*"))
    return answers


def _ask(home: Home, server: "subprocess.Popen[bytes]", log: Path) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(home.database_url.replace("/pharos", "/postgres")) as connection:
                names = ("server_version", "shared_preload_libraries", "listen_addresses", "jit")
                rows = [connection.execute(f"SHOW {name}").fetchone() for name in names]
                return dict(zip(names, (row[0] for row in rows), strict=True))
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(log.read_text())
            time.sleep(0.05)


def test_postgresql_of_either_origin_starts_and_stops(origin: str, scratch: Path):
    home = Home(scratch / "home")
    answers = _run_postgresql(home)
    described = postgresql.describe(home)
    assert answers["server_version"].startswith(described.version)
    assert answers["listen_addresses"] == ""
    assert Path(described.path).is_dir()
    preloaded = "pg_stat_statements" in answers["shared_preload_libraries"]
    assert preloaded is ("pg_stat_statements" not in described.lacks)


def test_redis_of_either_origin_answers_on_its_socket(origin: str, scratch: Path):
    home = Home(scratch / "home")
    home.make()
    server = subprocess.Popen(
        embedded_redis.command(home), stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
    )
    client = redis.Redis.from_url(home.redis_url)
    try:
        deadline = time.monotonic() + 60
        while not (home.run_dir / "redis.sock").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.info("server")["redis_version"] == embedded_redis.describe().version
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    finally:
        client.close()
        server.terminate()
        assert server.wait(20) == 0


def test_a_real_server_in_the_environment_is_described_as_external(scratch: Path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/pharos")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example")
    assert postgresql.describe(Home(scratch)).origin == "external"
    assert embedded_redis.describe().origin == "external"


@as_root
def test_root_without_namespaces_uses_an_existing_account(scratch: Path, monkeypatch):
    monkeypatch.setattr(identity, "namespaces_work", lambda: False)
    monkeypatch.setenv("PHAROS_POSTGRESQL", "system")
    if postgresql.find().origin != "system":
        pytest.skip("the wheel's programs lie where no other account may look")
    home = Home(scratch / "home")
    before = scratch.stat().st_mode
    _run_postgresql(home)
    owner = home.postgresql_dir.stat().st_uid
    assert owner != 0
    # It stays with that account, even where namespaces work again.
    monkeypatch.undo()
    assert identity.choose(home).uid == owner
    _run_postgresql(home)
    assert scratch.stat().st_mode == before


@as_root
def test_a_home_that_the_account_cannot_reach_is_one_sentence(scratch: Path, monkeypatch):
    monkeypatch.setattr(identity, "namespaces_work", lambda: False)
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(identity.NoIdentityError, match="/var/lib/pharos"):
        postgresql.prepare(Home(closed / "home"))
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_an_ordinary_user_needs_no_identity(scratch: Path):
    """In a process of its own: an ordinary account runs the cluster directly."""
    scratch.chmod(0o777)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); os.environ['PHAROS_HOME'] = sys.argv[1];"
        "from apps.core.embedded import postgresql; from apps.core.embedded.home import Home;"
        # Only now: the interpreter itself may lie below root's closed home.
        "os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "home = Home.current(); postgresql.prepare(home); argv = postgresql.command(home);"
        "assert argv[0].endswith('/postgres'), argv;"
        "os.execv(argv[0], [argv[0], '--single', *argv[1:3], 'postgres'])"
    )
    if postgresql.find().origin != "system":
        pytest.skip("the wheel's programs lie where no other account may look")
    done = subprocess.run(
        [sys.executable, "-c", code, str(scratch / "home"), str(PROJECT)],
        input="SELECT 40 + 2 AS answer;\n", capture_output=True, text=True, check=False,
        timeout=60, cwd="/",
    )  # fmt: skip
    assert 'answer = "42"' in done.stdout, done.stderr
    assert (scratch / "home").stat().st_uid == 65534


def test_data_of_another_major_version_are_refused_with_the_mend(scratch: Path):
    home = Home(scratch / "home")
    home.make()
    home.postgresql_dir.mkdir(mode=0o700)
    (home.postgresql_dir / "PG_VERSION").write_text("9\n")
    with pytest.raises(postgresql.PostgreSQLError, match=r"made by PostgreSQL 9.*make reset"):
        postgresql.prepare(home)


def test_data_are_run_by_the_version_that_made_them(scratch: Path, monkeypatch):
    """A newer PostgreSQL appearing beside the old one must not take over its data."""
    kinds = [
        postgresql.Installation(Path("/new/bin"), 19, "system", has_contrib=True),
        postgresql.Installation(Path("/old/bin"), 17, "wheel", has_contrib=False),
    ]
    monkeypatch.setattr(postgresql, "_installed", lambda wheel_only: kinds)
    home = Home(scratch / "home")
    assert postgresql.for_home(home).version == 19
    home.postgresql_dir.mkdir(parents=True)
    (home.postgresql_dir / "PG_VERSION").write_text("17\n")
    assert postgresql.for_home(home).bin_dir == Path("/old/bin")


@as_root
def test_a_full_disk_is_told_in_one_sentence(scratch: Path):
    """A tiny file system of its own, in a mount namespace that ends with the process."""
    script = (
        f"mount -t tmpfs -o size=6m none {scratch} && cd {PROJECT} && PHAROS_HOME={scratch}/home "
        f"PORT=1 exec {sys.executable} -m portal.run up"
    )
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this kernel forbids mount namespaces")
    from tests.conftest import free_port

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script.replace("PORT=1", f"PORT={free_port()}")],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 78
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0


class TestHome:
    def test_a_directory_with_other_things_in_it_is_never_taken(self, scratch: Path):
        (scratch / "thesis.txt").write_text("years of work")
        with pytest.raises(HomeError, match="new or an empty directory"):
            Home(scratch).make()
        with pytest.raises(HomeError, match="new or an empty directory"):
            Home(scratch).secret("secret_key")
        assert (scratch / "thesis.txt").exists()

    def test_a_long_path_moves_the_sockets_and_they_are_ours_alone(self, scratch: Path):
        home = Home(scratch / ("long" * 20))
        home.make()
        assert not home.run_dir.is_relative_to(home.root)
        assert home.run_dir.stat().st_mode & 0o777 == 0o700
        home.run_dir.rmdir()

    @as_root
    def test_a_run_directory_of_somebody_else_is_refused(self, scratch: Path):
        home = Home(scratch / ("long" * 20))
        home.run_dir.mkdir()
        os.chown(home.run_dir, 65534, 65534)
        with pytest.raises(HomeError, match="belongs to somebody else"):
            home.make()
        home.run_dir.rmdir()

    def test_a_link_in_place_of_the_run_directory_is_refused(self, scratch: Path):
        home = Home(scratch / ("long" * 20))
        home.run_dir.symlink_to(scratch)
        with pytest.raises(HomeError, match="belongs to somebody else"):
            home.make()
        home.run_dir.unlink()

    def test_a_secret_is_made_once_and_is_ours_alone(self, scratch: Path):
        home = Home(scratch / "home")
        first = home.secret("secret_key")
        assert len(first) >= 50
        assert home.secret("secret_key") == first
        assert (home.root / "secret_key").stat().st_mode & 0o777 == 0o600
        assert {p.name for p in home.root.iterdir()} == {"pharos.home", "secret_key"}
