"""Silences: what may be asked, what it mutes, how it changes, and what a preview says."""

from datetime import timedelta

import pytest

from apps.alerts.matchers import parse
from apps.alerts.models import Silence
from apps.alerts.services import silences
from apps.alerts.services.silences import Wish
from apps.alerts.suppression import Kind, judge
from apps.core.errors import ConflictError, InvalidInputError

HOUR = timedelta(hours=1)


@pytest.fixture
def silence(now):
    def make(*texts, starts_in=None, lasts=HOUR, comment="planned work"):
        starts_at = now + starts_in if starts_in else None
        wish = Wish(list(texts), (starts_at or now) + lasts, comment, starts_at)
        return silences.create(wish, "ann")

    return make


def test_a_matching_alert_is_silenced_and_told_by_whom_and_until_when(silence, make_episode, now):
    made = silence('service.name="shop"', 'severity=~"warning|critical"')
    muted, heard = make_episode(service__name="shop"), make_episode(service__name="shop2")
    verdicts = judge([muted, heard], now + HOUR / 2)
    assert verdicts[heard.pk] is None
    assert verdicts[muted.pk].kind is Kind.SILENCED
    assert verdicts[muted.pk].by == f"silence:{made.pk}"
    assert "ann" in verdicts[muted.pk].text
    assert "planned work" in verdicts[muted.pk].text
    assert verdicts[muted.pk].until == made.ends_at


def test_its_span_is_half_open_and_told_by_the_clock_alone(silence, make_episode, now):
    made = silence("alertname=CPU", starts_in=HOUR)
    episode = make_episode()
    seen = {
        at: (judge([episode], at)[episode.pk] is not None, str(made.state_at(at)))
        for at in (now, made.starts_at, made.ends_at - timedelta.resolution, made.ends_at)
    }
    assert list(seen.values()) == [
        (False, "pending"), (True, "active"), (True, "active"), (False, "expired"),
    ]  # fmt: skip


def test_of_two_the_one_that_ends_last_is_named(silence, make_episode, now):
    silence("alertname=CPU")
    longer = silence("host!=x", "alertname=CPU", lasts=2 * HOUR)
    episode = make_episode()
    assert judge([episode], now + HOUR / 2)[episode.pk].until == longer.ends_at


@pytest.mark.parametrize(
    "texts",
    [[], [""], ['a=~".*"'], ["a!=b"], ["a=", 'b!~"x"'], ['severity=~"|critical"']],
)
def test_one_that_would_match_every_alert_is_refused(texts, now):
    with pytest.raises(InvalidInputError, match="match every alert"):
        silences.create(Wish(texts, now + HOUR, "why"), "ann")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"matchers": ['a=~"("']}, "matchers"),
        ({"matchers": ["a"]}, "matchers"),
        ({"matchers": [f"a{n}=b" for n in range(21)]}, "matchers"),
        ({"comment": "  "}, "comment"),
        ({"ends": -1}, "ends_at"),
        ({"ends": 91 * 86_400}, "ends_at"),
        ({"starts": 7200, "ends": 3600}, "ends_at"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(wish, field, now):
    asked = {"matchers": ["a=b"], "comment": "why", "starts": 0, "ends": 3600, **wish}
    with pytest.raises(InvalidInputError) as refused:
        silences.create(
            Wish(
                asked["matchers"], now + timedelta(seconds=asked["ends"]), asked["comment"],
                now + timedelta(seconds=asked["starts"]),
            ),
            "ann",
        )  # fmt: skip
    assert list(refused.value.details) == [field]
    assert not Silence.objects.exists()


def test_one_in_force_only_moves_its_end(silence):
    made = silence("a=b")
    later = silences.change(made, Wish(["a=b"], made.ends_at + HOUR, "planned work"), "bob")
    assert later.pk == made.pk
    assert later.ends_at == made.ends_at + HOUR


def test_any_other_change_ends_it_and_makes_another_so_that_history_stays(silence):
    made = silence("a=b")
    other = silences.change(made, Wish(["a=c"], made.ends_at, "planned work"), "bob")
    made.refresh_from_db()
    assert other.replaces == made
    assert [str(one) for one in made.matchers] == ['a="b"']
    # A silence starts with a whole second.
    assert made.ends_at - other.starts_at < timedelta(seconds=1)
    assert (made.ended_by, other.created_by) == ("bob", "bob")
    with pytest.raises(ConflictError):
        silences.change(made, Wish(["a=d"], other.ends_at, "again"), "bob")


def test_ending_it_early_keeps_the_row_and_lets_the_alert_speak(silence, make_episode):
    from apps.alerts.clock import db_now

    made, planned = silence("alertname=CPU"), silence("alertname=CPU", starts_in=HOUR)
    episode = make_episode()
    for one in (made, planned):
        silences.expire(one, "bob")
    assert judge([episode], db_now())[episode.pk] is None
    assert {one.ended_by for one in Silence.objects.all()} == {"bob"}
    before = Silence.objects.get(pk=made.pk).ends_at
    assert silences.expire(made, "eve").ends_at == before


def test_a_preview_tells_what_is_muted_now_and_what_would_have_been(make_episode):
    make_episode(service__name="shop")
    make_episode(service__name="shop", state="resolved", ago_s=3600)
    make_episode(service__name="shop", state="resolved", ago_s=8 * 86_400)
    make_episode(service__name="till", state="resolved")
    make_episode(service__name="shop", state="pending")
    for text in (
        'service.name="shop"',
        'service.name=~"sh.p"',
        'service.name="shop", alertname=CPU',
    ):
        seen = silences.preview(parse(text))
        assert (seen.now, seen.past, seen.whole) == (1, 2, True)
        assert [one.labels for one in seen.shown] == [{"service.name": "shop"}]


def test_the_matchers_of_an_episode_match_it_and_not_its_neighbour(make_episode, now):
    one, other = make_episode(host="h1"), make_episode(host="h2")
    silences.create(Wish(silences.for_episode(one), now + HOUR, "mine"), "ann")
    verdicts = judge([one, other], now + HOUR / 2)
    assert [verdicts[e.pk] is None for e in (one, other)] == [False, True]


def test_a_row_nobody_can_read_mutes_nothing(silence, make_episode, now):
    made = silence("alertname=CPU")
    Silence.objects.filter(pk=made.pk).update(
        stored_matchers=[{"name": "a", "op": "=~", "value": "("}]
    )
    episode = make_episode()
    assert judge([episode], now + HOUR / 2)[episode.pk] is None
