"""Times in templates: UTC for everyone, the reader's zone where the page's script runs."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from apps.core.errors import InvalidInputError
from portal.templatetags.kit import moment

AT = datetime(2026, 11, 25, 13, 0, 5, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_a_moment_is_utc_text_and_a_machine_readable_time(zone):
    assert moment(AT.astimezone(zone)) == (
        '<time datetime="2026-11-25T13:00:05.250Z" data-moment="">2026-11-25 13:00:05</time>'
    )


def test_a_missing_moment_is_a_dash():
    assert moment(None) == "–"


def test_a_style_there_is_not_is_refused():
    with pytest.raises(InvalidInputError, match="full, time"):
        moment(AT, "short")
