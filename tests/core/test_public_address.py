"""What follows from the address an installation names as its own."""

import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

READ = (
    "import django; django.setup(); from django.conf import settings as s;"
    "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
)


@pytest.mark.parametrize(
    ("url", "secure"),
    [("", False), ("http://p.example.com", False), ("https://p.example.com", True)],
)
def test_cookies_keep_to_tls_where_people_come_by_it(url, secure):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "PHAROS_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", READ], env=environment, cwd=PROJECT, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == [str(secure)] * 2
