"""A secret comes from the variable, a file or a keeper; whatever is wrong is said without it."""

import json
import os
import subprocess
import sys

import pytest

from apps.core.secrets import Resolver, SecretError, resolve
from tests.conftest import PROJECT
from tests.core.secrets.receiver import Manager, running


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "db").write_text('{"password": "p@ss/w?rd", "port": 5433, "open": true}\n')
    (tmp_path / "key").write_text("s3cr3t\n")
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    return tmp_path


@pytest.fixture
def manager(monkeypatch):
    with running() as manager:
        for name, value in {
            "AWS_ENDPOINT_URL": manager.url, "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield manager


def read(folder, name="DATABASE_URL", **environ):
    return Resolver(environ, folder).read(name, "the default")


def test_a_variable_is_taken_as_it_is_and_an_empty_one_is_none(folder):
    assert read(folder, DATABASE_URL="postgresql://u:p@h/d") == "postgresql://u:p@h/d"
    assert read(folder) == read(folder, DATABASE_URL="", DATABASE_URL_FILE="") == "the default"


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"x\n", "x"), (b"x\r\n", "x"), (b"x", "x"), (b"x\n\n", "x\n"), (b" x \n", " x ")],
)
def test_a_file_is_read_without_the_newline_at_its_end(folder, content, value):
    path = folder / "given"
    path.write_bytes(content)
    assert read(folder, DATABASE_URL_FILE=str(path)) == value


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"\n", "empty"), (b"\xff\xfe", "UTF-8"), (b"x" * 70_000, "longer")],
    ids=["empty", "newline", "binary", "long"],
)
def test_a_file_without_a_secret_is_refused(folder, content, why):
    path = folder / "given"
    path.write_bytes(content)
    with pytest.raises(SecretError, match=why):
        read(folder, DATABASE_URL_FILE=str(path))


def test_a_pipe_without_a_writer_does_not_stop_the_start(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(SecretError, match="empty"):
        read(folder, DATABASE_URL_FILE=str(folder / "pipe"))


def test_two_sources_are_refused(folder):
    with pytest.raises(SecretError, match="DATABASE_URL_FILE is set as well; keep one"):
        read(folder, DATABASE_URL="s3cr3t", DATABASE_URL_FILE=str(folder / "key"))


def test_references_are_filled_and_percent_encoded_inside_an_address(folder):
    assert read(folder, DATABASE_URL="secret:file:key") == "s3cr3t"
    url = "postgresql://u:{secret:file:db#password}@h:{secret:file:db#port}/d"
    assert read(folder, DATABASE_URL=url) == "postgresql://u:p%40ss%2Fw%3Frd@h:5433/d"


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("secret:", "Write a reference as"),
        ("secret:file:", "Write a reference as"),
        ("secret:vault:x", "no provider vault; known are aws, file"),
        ("secret:file:../key", "letters, digits"),
        ("secret:file:.hidden", "letters, digits"),
        ("secret:file:nowhere", "cannot be read: No such file"),
        ("secret:file:key#field", "not JSON"),
        ("secret:file:db#user", "no text in a field user"),
        ("secret:file:db#open", "no text in a field open"),
        ("postgresql://u:{secret:file:nowhere}@h/d", "cannot be read"),
    ],
)
def test_a_wrong_reference_is_refused_by_name(folder, reference, why):
    with pytest.raises(SecretError, match=r"^DATABASE_URL cannot be used") as caught:
        read(folder, DATABASE_URL=reference)
    assert why in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "p@ss" not in repr(caught.value.__cause__)


@pytest.mark.parametrize(("name", "mode"), [("key", 0o644), ("key", 0o660), (".", 0o755)])
def test_a_folder_or_file_others_can_reach_is_refused(folder, name, mode):
    (folder / name).chmod(mode)
    with pytest.raises(SecretError, match="open to others; close it: chmod"):
        read(folder, DATABASE_URL="secret:file:key")


def test_a_symbolic_link_is_refused(folder):
    (folder / "link").symlink_to(folder / "key")
    with pytest.raises(SecretError, match="symbolic link"):
        read(folder, DATABASE_URL="secret:file:link")


def test_aws_is_asked_as_it_wants_to_be(folder, manager: Manager):
    name = "arn:aws:secretsmanager:eu-central-1:1234:secret:prod/db-AbCdEf"
    manager.secrets[name] = json.dumps({"username": "me", "password": "p@ss"})
    url = f"postgresql://{{secret:aws:{name}#username}}:{{secret:aws:{name}#password}}@h/d"
    resolver = Resolver({"DATABASE_URL": url}, folder)
    assert resolver.read("DATABASE_URL") == "postgresql://me:p%40ss@h/d"
    assert len(manager.asked) == 1
    headers, body = manager.asked[0]
    assert body == {"SecretId": name}
    assert headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATEST/")
    assert "/eu-central-1/secretsmanager/aws4_request" in headers["authorization"]


def test_a_rotated_secret_is_read_anew_after_a_while(folder, manager: Manager, monkeypatch):
    manager.secrets["key"] = "first"
    resolver = Resolver({"A": "secret:aws:key"}, folder)
    now = 1000.0
    monkeypatch.setattr(resolve, "monotonic", lambda: now)
    assert resolver.read("A") == "first"
    manager.secrets["key"] = "second"
    assert resolver.read("A") == "first"
    now += 61
    assert resolver.read("A") == "second"


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (None, "there is none of this name in this region"),
        (400, "lacks secretsmanager:GetSecretValue"),
        (b"", "binary"),
    ],
)
def test_what_aws_refuses_is_told_with_the_mend_and_without_its_words(folder, manager, kept, why):
    if kept is not None:
        manager.secrets["key"] = kept
    with pytest.raises(SecretError, match=why) as caught:
        read(folder, DATABASE_URL="secret:aws:key")
    assert "s3cr3t" not in str(caught.value)


def test_an_aws_that_cannot_be_reached_is_told(folder, manager, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SecretError, match=r"cannot be asked for key \(EndpointConnectionError\)"):
        read(folder, DATABASE_URL="secret:aws:key")


def test_a_missing_library_is_told(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(SecretError, match=r"needs boto3: pip install 'pharos\[aws\]'"):
        read(folder, DATABASE_URL="secret:aws:key")


def start(tmp_path, **environ):
    """The settings in a process of their own; says what it made of them."""
    show = (
        "import json, sys; from portal.settings import environment as e;"
        "print(json.dumps([e.SECRET_KEY, e.DATABASE.get('PASSWORD'), e.REDIS_URL, e.SENTRY_DSN,"
        " e.EMAIL['EMAIL_HOST_PASSWORD'], 'boto3' in sys.modules]))"
    )
    kept = {"PATH": os.environ["PATH"], "PHAROS_HOME": str(tmp_path / "home")}
    return subprocess.run(
        [sys.executable, "-c", show], cwd=PROJECT, env={**kept, **environ}, text=True,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_settings_take_secrets_from_everywhere_and_load_no_library_they_do_not_use(folder):
    (folder / "url").write_text("redis://:s3cr3t@cache:6379/0\n")
    done = start(
        folder, PHAROS_SECRETS_DIR=str(folder), PHAROS_SECRET_KEY="secret:file:key",
        DATABASE_URL="postgresql://u:{secret:file:db#password}@h/d",
        REDIS_URL_FILE=str(folder / "url"), SENTRY_DSN="https://a@s.example/1",
        EMAIL_URL="smtp+tls://me:{secret:file:db#password}@mail.example:587",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "s3cr3t", "p@ss/w?rd", "redis://:s3cr3t@cache:6379/0", "https://a@s.example/1",
        "p@ss/w?rd", False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PHAROS_SECRET_KEY": "secret:file:none"}, "PHAROS_SECRET_KEY cannot be used. "),
        ({"DATABASE_URL_FILE": "/nowhere"}, "DATABASE_URL cannot be used. /nowhere cannot be read"),
        ({"DATABASE_URL": "postgresql://u:p@h:s3cr3t/d"}, "DATABASE_URL is wrong: Write it as"),
        ({"EMAIL_URL": "smtp://u:p@h:s3cr3t"}, "EMAIL_URL is wrong: Write it as smtp+tls://"),
        ({"REDIS_URL": "secret:aws"}, "REDIS_URL cannot be used. Write a reference as"),
        ({"PHAROS_TLS_CERT": "/etc/hostname"}, "PHAROS_TLS_CERT and PHAROS_TLS_KEY belong"),
        ({"PHAROS_HTTPS_REDIRECT": "yes"}, "PHAROS_HTTPS_REDIRECT needs PHAROS_PROXY_HTTPS_HEADER"),
    ],
)
def test_a_start_without_its_secret_stops_with_one_sentence(tmp_path, environ, sentence):
    done = start(tmp_path, **environ)
    assert done.returncode == 78
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert "s3cr3t" not in done.stderr + done.stdout
