"""The worker's connection to its broker, when the broker goes away."""

import pytest
from kombu.exceptions import OperationalError

from portal.celery import app


def test_a_channel_that_is_lost_still_knows_its_broker():
    # Asked for its messages in flight without an address, it fails with what no worker catches.
    with app.connection_for_read() as connection:
        transport = connection.default_channel.connection
        connection.collect()
        assert transport.client is connection


def test_a_broker_that_is_away_is_tried_every_second(monkeypatch):
    pauses = []
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)
    connection = app.connection_for_read("redis+socket:///nowhere/redis.sock")
    with pytest.raises(OperationalError):
        connection.ensure_connection(lambda error, pause_s: pauses.append(pause_s), 8)
    assert pauses == [1.0] * 8
    assert app.conf.broker_connection_max_retries is None
