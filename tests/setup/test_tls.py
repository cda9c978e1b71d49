"""`make run` with a certificate: one port, and nothing but TLS on it."""

import ssl
import urllib.error
import urllib.request

import pytest

from tests.setup.conftest import Portal
from tests.setup.wire import self_signed, trusting

pytestmark = [pytest.mark.setup, pytest.mark.slow, pytest.mark.timeout(240)]


def test_the_portal_comes_up_over_tls_and_prints_its_address(scratch):
    cert, key = self_signed(scratch)
    portal = Portal(scratch / "home", PHAROS_TLS_CERT=str(cert), PHAROS_TLS_KEY=str(key))
    portal.environment["PHAROS_URL"] = f"https://127.0.0.1:{portal.port}"
    try:
        assert f"https://127.0.0.1:{portal.port}/" in portal.up()
        url = f"https://127.0.0.1:{portal.port}/admin/login/"
        with urllib.request.urlopen(url, timeout=20, context=trusting(cert)) as page:
            assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert page.headers["Set-Cookie"].startswith("__Host-csrftoken=")
        with pytest.raises(urllib.error.URLError) as refused:
            urllib.request.urlopen(url, timeout=20, context=ssl.create_default_context())
        assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value)
    finally:
        portal.end()
