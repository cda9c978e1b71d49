"""What `PHAROS_URL` implies."""

import os
import subprocess
import sys

from tests.conftest import PROJECT


def test_the_public_address_is_answered_to_and_its_forms_are_trusted(tmp_path):
    code = (
        "import portal.settings as s;"
        "print(s.ALLOWED_HOSTS[-1], s.CSRF_TRUSTED_ORIGINS, s.SESSION_COOKIE_SECURE)"
    )
    environment = {**os.environ, "PHAROS_URL": "https://pharos.example:8443/x"}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert told.stdout.split(maxsplit=1) == [
        "pharos.example", "['https://pharos.example:8443'] True\n",
    ]  # fmt: skip
