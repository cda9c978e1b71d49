"""What leaves for Sentry holds no secret of ours."""

import json
import os
import subprocess
import sys

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from apps.core import request_id
from apps.monitoring import recorder
from apps.monitoring.recorder import context
from portal.settings.sentry import OPTIONS
from tests.conftest import PROJECT

KEY = "abcdefgh." + "S3cr3t" * 5 + "xy"


class Kept(Transport):
    def __init__(self):
        super().__init__()
        self.sent = []

    def capture_envelope(self, envelope):
        self.sent.append(envelope.serialize().decode())


@pytest.fixture
def kept():
    transport = Kept()
    client = sentry_sdk.Client(
        dsn="http://public@127.0.0.1:9/1", transport=transport, default_integrations=False,
        **OPTIONS,
    )  # fmt: skip
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        yield transport
    client.close()


def verify(raw_key, password):
    raise RuntimeError(f"cannot reach postgresql://pharos:{password}@db:5432/x with {raw_key}")


def test_neither_local_variables_nor_texts_tell_a_secret(kept):
    try:
        # Spelt so that the lines of source around it do not hold it.
        verify(KEY, "hunter" + "2")
    except RuntimeError as error:
        sentry_sdk.capture_exception(error)
    (sent,) = kept.sent
    assert "RuntimeError" in sent
    assert '"function":"verify"' in sent.replace(": ", ":")
    assert KEY not in sent
    assert "hunter2" not in sent
    assert '"vars"' not in sent


def test_a_logged_error_is_masked_like_the_log(kept):
    told = {"message": "password=%s", "formatted": "password=hunter2", "params": ["hunter2"]}
    sentry_sdk.capture_event({"logentry": told})
    (sent,) = kept.sent
    assert "hunter2" not in sent


def test_an_error_names_its_request_and_leads_back_to_its_trace(kept):
    token = request_id.bind("req-12345678")
    try:
        with recorder.span("work"):
            trace_id = f"{context.active().trace_id:032x}"
            sentry_sdk.capture_message("broken")
    finally:
        request_id.release(token)
    (sent,) = kept.sent
    assert '"request_id":"req-12345678"' in sent.replace(": ", ":")
    assert f"/admin/traces/{trace_id}/" in sent


def test_the_portal_starts_with_these_options():
    code = (
        "import json, django; django.setup(); import sentry_sdk; "
        "told = sentry_sdk.get_client().options; "
        "print(json.dumps([told['include_local_variables'], told['max_request_body_size']]))"
    )
    named = {"DJANGO_SETTINGS_MODULE": "portal.settings", "PHAROS_RECORDER": "false"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60,
        env={**os.environ, **named, "SENTRY_DSN": "http://public@127.0.0.1:9/1"}, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == [False, "never"], done.stderr
