"""Units of work: cold and warm starts, how many at once, what each takes."""

import pytest

from apps.monitoring.recorder import jobs, warmth
from tests.monitoring.recorder import example_tasks as tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def cold(monkeypatch):
    monkeypatch.setattr(warmth, "_met", set())


def test_the_first_unit_is_cold_and_the_next_is_warm(recorder, attributes, rows):
    with jobs.unit("report", 0.5, 4200), jobs.unit("report"):
        pass
    recorder.flush()
    starts = {dict(a)["job.start"]: int(n) for a, n in attributes("job.start.duration").items()}
    assert starts == {"cold": 1, "warm": 1}
    assert rows(
        "SELECT sum, n::int FROM tm_hist h JOIN tm_series s ON s.id = h.series_id"
        " JOIN tm_metric m ON m.id = s.metric_id WHERE m.name = 'job.memory' AND m.unit = 'By'"
    ) == [(4200.0, 1)]
    assert jobs._active["report"] == 0


def test_a_unit_that_fails_is_no_longer_active(recorder):
    with pytest.raises(ValueError, match="no"), jobs.unit("broken"):
        raise ValueError("no")
    assert jobs._active["broken"] == 0


def test_a_task_run_in_place_has_no_start(recorder, attributes):
    tasks.order.apply(args=(1,))
    recorder.flush()
    assert attributes("job.start.duration") == {}
