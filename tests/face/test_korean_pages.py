"""What a Korean reader meets: mistakes and packages speak Korean, programs are told in English."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils.formats import localize
from django.utils.translation import gettext, override

from apps.core.admin.proposals import STATE_COLOURS
from apps.core.errors import InvalidInputError
from apps.core.proposals.models.words import STATES
from apps.core.timerange import TimeRange
from apps.monitoring.queries.components import Component
from portal.overview import strip
from tests.conftest import PROJECT
from tests.face.test_korean import CALLS, IN_CONTEXT, python_texts, template_texts

KOREAN = {"accept-language": "ko"}
# Parts of the packages that no page here uses.
UNUSED = ("contrib", "migrations", "tests")


@pytest.fixture(autouse=True)
def _english_again():
    """A request in Korean leaves its thread Korean."""
    with override("en"):
        yield


def words_of(package: str) -> set[str]:
    module = __import__(package)
    root = Path(str(module.__file__)).parent
    found: set[str] = set()
    for path in root.rglob("*.*"):
        if any(part in UNUSED for part in path.relative_to(root).parts):
            continue
        if path.suffix == ".py":
            found.update(python_texts(path))
        elif path.suffix == ".html":
            found.update(template_texts(path))
    return {text for text in found if any(letter.islower() for letter in text)}


@pytest.mark.parametrize("package", ["unfold", "rest_framework_api_key", "django_celery_beat"])
def test_packages_speak_korean_too(package):
    with override("ko"):
        assert [text for text in sorted(words_of(package)) if gettext(text) == text] == []


def test_no_alias_hides_a_text_from_the_catalogue():
    hidden = [
        f"{path}: {name.asname}"
        for folder in ("apps", "portal")
        for path in (PROJECT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
        if "gettext" in name.name and (name.asname or name.name) not in CALLS | IN_CONTEXT
    ]
    assert hidden == []


def test_a_mistake_is_told_in_korean_to_people_and_in_english_to_programs(staff_client):
    with override("ko"), pytest.raises(InvalidInputError) as caught:
        TimeRange.parse("soon")
    error = caught.value
    assert error.message.startswith("`from` is not a time: 'soon'. Write")
    assert str(error) == error.message
    with override("ko"):
        assert str(error.words).startswith("`from` 값이 시각이 아닙니다: 'soon'. ")
    assert str(error.words) == error.message
    page = staff_client.get("/admin/?from=soon&refresh=7s", headers=KOREAN).content.decode()
    assert "`from` 값이 시각이 아닙니다: &#x27;soon&#x27;." in page
    assert "`refresh`에는 off, 5s, 30s, 1m 중 하나를 쓰세요." in page
    answer = staff_client.get("/admin/overview/data?from=soon", headers=KOREAN)
    assert answer.json()["message"].startswith("`from` is not a time: 'soon'. Write")


def test_braces_in_what_somebody_typed_are_only_text():
    with pytest.raises(InvalidInputError) as caught:
        TimeRange.parse("{mend} {name} {0} {")
    assert caught.value.message.startswith("`from` is not a time: '{mend} {name} {0} {'. Write")


@pytest.mark.parametrize(
    ("why", "korean"),
    [
        ("unheard", "아직 소식 없음"),
        ("idle", "3분 20초 동안 실행된 작업 없음"),
        ("unseen", "아직 확인하지 않음"),
        ("stale", "2026-03-01 10:00 UTC 이후 알 수 없음"),
        ("silent", "2026-03-01 10:00 UTC 이후 텔레메트리 없음"),
        ("", "down: refused"),
    ],
)
def test_the_strip_says_in_korean_why_it_knows_nothing(monkeypatch, why, korean):
    part = Component(
        "redis", "Redis", "unknown", datetime(2026, 3, 1, 10, tzinfo=UTC), None, 200.0,
        error="down: refused", why=why,
    )  # fmt: skip
    monkeypatch.setattr(strip, "all_components", lambda: [part])
    with override("ko"):
        assert [one["detail"] for one in strip.worded()] == [korean]
    assert strip.components()[0]["detail"] == "down: refused"


def test_times_of_lists_have_seconds_in_the_order_of_each_language():
    at = datetime(2026, 3, 1, 14, 59, 7, tzinfo=UTC)
    with override("ko"):
        assert localize(at) == "2026년 3월 1일 14:59:07"
    with override("en"):
        assert localize(at) == "Mar 1, 2026, 14:59:07"


def test_every_state_of_a_proposal_has_its_word_in_the_list():
    assert {state for state, _word in STATES} == set(STATE_COLOURS)
