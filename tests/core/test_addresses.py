"""Addresses that must never be asked, in every form they can be written in."""

import pytest

from apps.core.addresses import may_be_asked


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "0.0.0.0", "224.0.0.1", "100.100.100.200", "fe80::1", "fe80::1%eth0", "::",
     "ff02::1", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe",
     "2002:a9fe:a9fe::1"],
)  # fmt: skip
def test_metadata_and_group_addresses_are_never_asked(address):
    assert not may_be_asked(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "93.184.215.14", "::1", "fd12::1", "2606:4700::1111",
     "64:ff9b::5db8:d70e", "::ffff:10.0.0.1"],
)  # fmt: skip
def test_hosts_here_and_elsewhere_may_be_asked(address):
    assert may_be_asked(address)
