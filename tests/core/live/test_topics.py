"""Names of topics: found by name, family or filter, in one spelling, within bounds."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.live import topics
from apps.core.live.topics import Topic, canonical, find

SEEN: list[tuple[str, dict[str, str]]] = []


def of_level(rest, wanted):
    SEEN.append((rest, dict(wanted)))
    return Topic("logs", 1, dict) if wanted.get("level", "error") in {"error", "info"} else None


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for name in ("_topics", "_families", "_filtered"):
        monkeypatch.setattr(topics, name, {})
    SEEN.clear()
    topics.register(Topic("fixed", 1, dict))
    topics.register_family("family", lambda rest: Topic(rest, 1, dict) if rest == "known" else None)
    topics.register_filtered("logs", of_level, {"level", "service"})


def test_topics_are_found_by_name_or_family_under_the_name_asked_for():
    assert find("fixed") is topics._topics["fixed"]
    found = find("family:known")
    assert found is not None
    assert found.name == "family:known"


@pytest.mark.parametrize(
    "name",
    ["", "family", "family:", "family:x", "no:known", "x" * 400, "fixed?level=error",
     "family:known?level=error", "logs?colour=red", "logs?level=loud", "fixed\n", "fixed\0"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(name):
    assert find(canonical(name) or name) is None


def test_a_filter_reaches_the_family_and_equal_filters_are_one_topic():
    names = {canonical(f"logs:web?{query}") for query in
             ("service=a+b&level=error", "level=error&service=a%20b", "level=error&service=a+b&",
              "level=error&service=a%20b&level2=")}  # fmt: skip
    assert names == {"logs:web?level=error&service=a+b"}
    found = find(names.pop())
    assert found is not None
    assert found.name == "logs:web?level=error&service=a+b"
    assert SEEN == [("web", {"level": "error", "service": "a b"})]
    assert find("logs?service=a&level=error") is None


@pytest.mark.parametrize(
    "query",
    [
        "level=1&level=2",
        "a=1&" * 20,
        "level=" + "x" * 101,
        "level=" + "é" * 90,
        "&".join("abcdefghi"),
    ],
)
def test_a_filter_is_bounded(query):
    assert canonical(f"logs?{query}") is None or find(canonical(f"logs?{query}")) is None


def test_an_empty_filter_is_none():
    assert canonical("logs?") == canonical("logs?level=") == "logs"
    assert canonical("?level=error") is None or find("?level=error") is None


@given(st.dictionaries(st.sampled_from(["level", "service"]), st.text(max_size=20)))
def test_the_one_spelling_means_the_same_and_stays_as_it_is(wanted):
    name = canonical("logs?" + urlencode(wanted))
    assert name is not None
    assert canonical(name) == name
    kept = {key: value for key, value in wanted.items() if value}
    assert dict(parse_qsl(name.partition("?")[2])) == kept


@given(st.text(max_size=350))
def test_no_name_is_too_strange(name):
    found = canonical(name)
    assert found is None or (len(found) <= 300 and canonical(found) == found)
