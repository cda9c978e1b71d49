"""Where a request comes from: forged headers change nothing, trusted proxies are believed."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.client_address import client_address, network_of


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.PHAROS_TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def asked(rf, peer, forwarded=None):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(rf.get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # nobody trusted wrote it
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the left one is forged
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),  # two proxies of ours
        ("10.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1"),  # forged to look like ours
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # a client inside
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", ", ".join(["10.0.0.2"] * 1000), "10.0.0.2"),
        ("", "198.51.100.1", None),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    rf, peer, forwarded, client
):
    assert asked(rf, peer, forwarded) == client


@given(st.text(st.characters(codec="latin-1")))
def test_whatever_a_header_says_the_answer_is_an_address(text):
    from django.test import RequestFactory

    address = asked(RequestFactory(), "10.0.0.1", text)
    assert ip_address(address)


def test_without_trusted_proxies_no_header_is_read(rf, settings):
    settings.PHAROS_TRUSTED_PROXIES = []
    assert asked(rf, "10.0.0.1", "198.51.100.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        (None, "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_limits_count_ipv6_by_the_network_of_a_household(address, network):
    assert network_of(address) == network
