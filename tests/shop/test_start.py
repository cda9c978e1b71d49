"""The pieces of the demo that need no running shop."""

import socket

import pytest

from apps.core.services import apikeys
from examples.shop import demo, environment, faults, launch, traffic
from tests.conftest import child_environment


def test_a_fault_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.setenv("FAULTS", "n_plus_1, meteor")
    with pytest.raises(ValueError, match="meteor"):
        faults.named_at_start()


def test_switches_are_seen_at_once_by_the_process_that_turned_them(monkeypatch, tmp_path):
    monkeypatch.setattr(faults, "_path", tmp_path / "new" / "faults.json")
    faults.write({"n_plus_1"})
    assert faults.active() == {"n_plus_1"}
    faults.write(())
    assert not faults.is_on("n_plus_1")


def test_a_broken_switch_file_means_no_faults(monkeypatch, tmp_path):
    monkeypatch.setattr(faults, "_path", tmp_path / "faults.json")
    faults.write(())
    (tmp_path / "faults.json").write_text("{")
    assert faults.active() == frozenset()


def test_a_taken_port_is_one_sentence_with_the_mend(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service = launch.Service("shop", "examples.shop.settings", other.getsockname()[1])
        with pytest.raises(launch.LaunchError, match="SHOP_PORT"):
            launch.start(service, "http://127.0.0.1:1", "key", tmp_path)


def test_the_traffic_swells_and_ebbs_but_never_stops():
    rates = [traffic.rate_at(second, 3.0) for second in range(600)]
    assert min(rates) > 1
    assert max(rates) < 5
    assert sum(rates) / len(rates) == pytest.approx(3.0, rel=0.01)


@pytest.mark.django_db(transaction=True)
def test_the_ingest_key_is_kept_for_the_next_demo_and_replaced_once_revoked(
    portal_server, monkeypatch, tmp_path
):
    monkeypatch.setattr(environment, "state_dir", tmp_path / "shop")
    for name, value in child_environment("cli", 8000).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PHAROS_DEMO_KEY", raising=False)
    first = demo.ingest_key(portal_server.url)
    assert demo.ingest_key(portal_server.url) == first
    assert (tmp_path / "shop" / "ingest_key").stat().st_mode & 0o077 == 0
    (tmp_path / "shop" / "ingest_key").write_text("another.key")
    second = demo.ingest_key(portal_server.url)
    assert second != first
    verdict = apikeys.verify(second)
    assert verdict is not None
    assert verdict.scopes == {"ingest"}
