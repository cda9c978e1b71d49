"""Matchers, the tree they form, and what is refused before it is stored."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts import matchers
from apps.alerts.matchers import Matcher, contradiction, parse
from apps.alerts.models import Episode, Route
from apps.alerts.routing import sanity, tree
from apps.alerts.routing.tree import Options
from apps.core.errors import InvalidInputError


def row(pk, parent=None, text="", **fields):
    stored = [one.as_json() for one in parse(text)]
    return Route(pk=pk, parent_id=parent, name=f"r{pk}", stored_matchers=stored, **fields)


def taken(rows, **labels):
    root = tree.build(rows)
    return [
        node.id for node in tree.matching(root, {k.replace("_", "."): v for k, v in labels.items()})
    ]


def test_the_first_child_that_matches_wins_and_goes_on_only_where_it_says_so():
    rows = [
        row(1), row(2, 1, "a=x", goes_on=True), row(3, 1, "a=~x|y"), row(4, 1, "a=~.*"),
        row(5, 3, "b=z"),
    ]  # fmt: skip
    assert taken(rows, a="x") == [2, 3]
    assert taken(rows, a="y", b="z") == [5]
    assert taken(rows, a="w") == [4]
    assert taken(rows[:3], a="w") == [1]


def test_options_are_inherited_one_by_one():
    rows = [
        row(1, receiver_id=7, group_by=["a"], repeat_interval_s=60),
        row(2, 1, "a=x", group_wait_s=0, group_by=[]),
        row(3, 2, "b=y", critical_at_once=False),
    ]
    root = tree.build(rows)
    leaf = root.children[0].children[0]
    assert leaf.options == Options(7, (), 0, 300, 60, critical_at_once=False)
    assert leaf.path == ("r1", "r2", "r3")
    assert tree.build([row(2, 1)]) is None


def test_an_unreadable_route_takes_nothing_and_its_parent_keeps_all():
    broken = Route(pk=2, parent_id=1, name="broken", stored_matchers=[{"name": "a"}])
    assert taken([row(1), broken, row(3, 1, "a=y")], a="x") == [1]


def test_groups_are_formed_by_the_labels_an_alert_has():
    labels = {"a": "x", "b": "y"}
    assert tree.group_labels(Options(group_by=("a", "c")), labels) == {"a": "x"}
    assert tree.group_labels(Options(group_by=("...",)), labels) == labels
    assert tree.group_labels(Options(group_by=()), labels) == {}


@pytest.mark.parametrize(
    ("text", "labels", "fits"),
    [
        ("a=x", {"a": "x"}, True),
        ("a=~x", {"a": "xx"}, False),  # anchored
        ("a=~.+", {}, False),
        ("a!~.+", {}, True),
        ('service.name="a, b\\"", c!=d', {"service.name": 'a, b"'}, True),
        ("{a=x,b=}", {"a": "x"}, True),
        ("a!=x", {"a": "x"}, False),
        ("a=~a.b", {"a": "a\nb"}, True),
    ],
)
def test_matchers_match_as_alertmanagers_do(text, labels, fits):
    assert matchers.all_match(parse(text), labels) == fits


@pytest.mark.parametrize("text", ["a", "=x", "a=~(", 'a="x', "a==~x{", "a=" + "x" * 1025])
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(InvalidInputError):
        parse(text)


@given(
    st.lists(
        st.builds(
            Matcher,
            st.from_regex(r"[a-z][a-z.]{0,8}", fullmatch=True),
            st.sampled_from(["=", "!="]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_back(some):
    assert list(parse(matchers.in_words(some))) == some
    assert list(matchers.from_json([one.as_json() for one in some])) == some


def test_an_expression_made_to_stall_does_not():
    assert not parse("a=~(x+x+)+y")[0].matches({"a": "x" * 5000})


@pytest.mark.parametrize("text", ['a={gap}"x', 'a=b{gap}"', '{gap}a{gap}={gap}b{gap}"', "{gap}=b"])
def test_reading_takes_no_longer_for_many_spaces(text):
    with pytest.raises(InvalidInputError):
        parse(text.format(gap=" " * 20_000))


@pytest.mark.parametrize(
    "text", ["a=x, a=y", "a=x, a!=x", "a=x, a=~y.*", "a=~x, a!~x", "a=, a=~.+"]
)
def test_contradictions_are_found(text):
    assert contradiction(parse(text))


def test_what_may_hold_together_is_let_through():
    assert not contradiction(parse("a=x, b=y, a=~x|y, c!=z"))


@pytest.fixture
def add(root):
    def make(text="", parent=root, **fields):
        stored = [one.as_json() for one in parse(text)]
        made = Route(parent=parent, name=text or "all", stored_matchers=stored, **fields)
        made.full_clean()
        made.save()
        return made

    return make


@pytest.mark.django_db
class TestRefusals:
    def refused(self, add, *args, **fields):
        with pytest.raises(ValidationError) as told:
            add(*args, **fields)
        return set(told.value.message_dict)

    def test_a_route_no_alert_can_come_to(self, add):
        shop = add("service=shop")
        assert self.refused(add, "service=db", parent=shop) == {"stored_matchers"}
        assert self.refused(add, "a=x, a=y") == {"stored_matchers"}
        # Everything it takes is taken before it comes to it.
        assert self.refused(add, "service=shop, severity=critical") == {"stored_matchers"}
        assert add("service=shop, severity=critical", position=50).pk
        assert self.refused(add, "", position=10) == {"stored_matchers"}
        last = add("", position=900)
        assert self.refused(add, "b=c", position=950) == {"stored_matchers"}
        assert last.enabled

    def test_a_cycle_a_second_root_and_a_root_that_takes_not_all(self, add, root):
        above = add("a=x")
        below = add("b=y", parent=above)
        above.parent = below
        assert set(sanity.problems(above)) == {"parent"}
        assert self.refused(add, parent=None) == {"parent"}
        root.stored_matchers = [{"name": "a", "op": "=", "value": "x"}]
        assert set(sanity.problems(root)) == {"stored_matchers"}

    @pytest.mark.parametrize("names", [["a", "a"], ["...", "a"], ["a=b"], [" a"]])
    def test_groupings_that_make_no_sense(self, add, names):
        assert self.refused(add, "a=x", group_by=names) == {"group_by"}

    def test_an_expression_that_does_not_compile(self, root):
        bad = Route(
            parent=root, name="bad", stored_matchers=[{"name": "a", "op": "=~", "value": "("}]
        )
        with pytest.raises(ValidationError, match="no expression"):
            bad.full_clean()

    def test_a_receiver_that_tells_nobody_is_warned_of(self, receiver_of, hook):
        assert sanity.warnings(receiver_of("nobody"))
        assert not sanity.warnings(receiver_of("team", hook("team")))


def test_what_matchers_see_of_an_episode():
    episode = Episode(
        rule_name="CPU", metric="m", severity="critical", labels={"host": "a", "severity": "page"}
    )
    assert matchers.labels_of(episode) == {
        "alertname": "CPU", "metric": "m", "source": "", "host": "a", "severity": "critical",
    }  # fmt: skip
