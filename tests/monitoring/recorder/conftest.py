"""The recorder of this process, switched on for one test and at rest for all others."""

import json

import pytest

from apps.monitoring.intake.commit import committer
from apps.monitoring.recorder.buffer import recorder as own
from tests.monitoring.store.conftest import rows, store  # noqa: F401


@pytest.fixture
def recorder(store, monkeypatch):  # noqa: F811
    """Empty, and keeping everything; what it flushes is in the test's store."""
    own.reset()
    monkeypatch.setattr(own, "loose", True)
    yield own
    own.rest()
    committer().close()


@pytest.fixture
def attributes(rows):  # noqa: F811
    """How often each set of attributes was counted in one metric's histograms or sums."""

    def read(metric):
        found = rows(
            "SELECT s.attrs, sum(v.n) FROM tm_series s JOIN tm_metric m ON m.id = s.metric_id"
            " JOIN (SELECT series_id, n::float8 FROM tm_hist"
            "       UNION ALL SELECT series_id, value FROM tm_sample) v(series_id, n)"
            "   ON v.series_id = s.id WHERE m.name = %s GROUP BY s.id, s.attrs",
            metric,
        )
        return {tuple(sorted(json.loads(attrs).items())): n for attrs, n in found}

    return read
