"""The pages of the closed loop, without a script: what they say, and what their buttons do."""

import re

import pytest
from django.test import Client

from apps.core.models import AutoApplyRule, LoopSwitch
from apps.core.proposals import kinds as registry
from apps.core.proposals.services.propose import Draft, Evidence
from tests.core.proposals.conftest import again, approved, counting, opened, person, work
from tests.core.proposals.kinds import CounterKind

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("targets")]
LIST = "/admin/core/proposal/"


def client_of(user, **more) -> Client:
    client = Client(**more)
    client.force_login(user)
    return client


def page(client, proposal) -> str:
    reply = client.get(f"{LIST}{proposal.pk}/change/")
    assert reply.status_code == 200
    return reply.content.decode()


def press(client, proposal, verb, **body) -> str:
    body = {"plan_hash": proposal.plan_hash, "reason": "because", **body}
    reply = client.post(f"{LIST}{proposal.pk}/{verb}/", body, follow=True)
    assert reply.redirect_chain == [(f"{LIST}{proposal.pk}/change/", 302)]
    return reply.content.decode()


def verbs(text) -> list[str]:
    return re.findall(r'popovertarget="lp-([a-z-]+)">', text)


def test_an_empty_list_teaches(staff_client):
    text = staff_client.get(LIST).content.decode()
    assert "Nothing has been proposed yet" in text
    assert "test.counter" in text
    for second in ("No results found", "0 results", 'id="searchbar"'):
        assert second not in text
    opened(counting())
    assert "Nothing has been proposed yet" not in staff_client.get(LIST).content.decode()


def test_the_list_has_words_and_a_fixed_number_of_queries(
    staff_client, django_assert_max_num_queries
):
    for by in range(1, 9):
        opened(counting(by=by, risk="high"))
    with django_assert_max_num_queries(12):
        text = staff_client.get(LIST).content.decode()
    assert text.count("Add ") >= 8
    assert "High" in text
    for query in ("state__exact=kept", "risk__exact=high", "kind=test.counter", "q=one", "kind=x"):
        assert staff_client.get(f"{LIST}?{query}").status_code == 200


def test_a_page_says_what_is_missing_and_offers_what_one_may(ann, bob):
    proposal = opened(counting(risk="high"), author=ann)
    own = page(client_of(ann), proposal)
    assert "Needs 2 more people other than you." in own
    assert verbs(own) == ["reject"]
    text = page(client_of(bob), proposal)
    assert verbs(text) == ["approve", "reject"]
    assert text.count(proposal.plan_hash) >= 3
    said = press(client_of(bob), proposal, "approve")
    assert "Needs one more person other than you." in said
    assert verbs(said) == ["reject"]
    press(client_of(person("cas")), proposal, "approve")
    assert again(proposal).state == "approved"
    assert verbs(page(client_of(ann), proposal)) == ["apply", "reject"]
    assert verbs(page(client_of(person("eve", "view")), proposal)) == []


def test_the_whole_life_through_the_buttons(ann, django_assert_max_num_queries):
    proposal = opened(counting())
    client = client_of(ann)
    press(client, proposal, "approve")
    press(client, proposal, "apply")
    work()
    with django_assert_max_num_queries(16):
        text = page(client, proposal)
    assert "It gained what it should" in text
    assert 'class="lp-measured"' in text
    press(client, proposal, "rollback")
    work()
    assert again(proposal).state == "rolled_back"
    assert "Put back" in page(client, proposal)


def test_a_failed_one_is_settled_by_a_person(ann):
    proposal = approved(counting(), ann)
    CounterKind.failing = {"b", "undo a"}
    work()
    text = page(client_of(ann), proposal)
    assert verbs(text) == ["rollback", "resolve-undone", "resolve-kept"]
    press(client_of(ann), proposal, "resolve-kept")
    assert again(proposal).state == "kept"


def test_a_refusal_is_told_on_the_page(ann):
    proposal = opened(counting())
    said = press(client_of(ann), proposal, "approve", plan_hash="0" * 64)
    assert "You saw another plan" in said
    said = press(client_of(ann), proposal, "reject", reason="")
    assert "Say why." in said
    assert again(proposal).state == "proposed"


@pytest.mark.parametrize("verb", ["approve", "reject", "apply", "rollback", "resolve-kept"])
def test_without_the_right_or_the_token_a_button_does_nothing(ann, verb):
    proposal = opened(counting())
    eve = person("eve", "view")
    assert "You need the permission" in press(client_of(eve), proposal, verb)
    strict = client_of(ann, enforce_csrf_checks=True)
    assert strict.post(f"{LIST}{proposal.pk}/{verb}/").status_code == 403
    assert Client().post(f"{LIST}{proposal.pk}/{verb}/").status_code == 302
    assert client_of(ann).get(f"{LIST}{proposal.pk}/{verb}/").status_code == 405
    assert again(proposal).state == "proposed"


def test_pages_need_the_right_to_see(ann):
    proposal = opened(counting())
    nobody = client_of(person("eve", "approve"))
    assert nobody.get(LIST).status_code == 403
    assert nobody.get(f"{LIST}{proposal.pk}/change/").status_code == 403
    assert Client().get(f"{LIST}{proposal.pk}/change/").status_code == 302


@pytest.mark.parametrize("pk", ["x", "1", "%00", "a" * 2000])
def test_what_is_no_id_is_not_found(staff_client, pk):
    assert staff_client.get(f"{LIST}{pk}/change/").status_code == 404
    assert staff_client.post(f"{LIST}{pk}/approve/").status_code == 404
    assert staff_client.get(f"{LIST}{pk}/history/").status_code in (302, 404)


def test_nothing_is_added_edited_or_deleted(staff_client):
    proposal = opened(counting())
    assert staff_client.get(f"{LIST}add/").status_code == 403
    assert staff_client.post(f"{LIST}{proposal.pk}/delete/", {"post": "yes"}).status_code == 403
    staff_client.post(f"{LIST}{proposal.pk}/change/", {"title": "x"})
    assert again(proposal).title == "Add 1 to one"
    assert staff_client.post(f"{LIST}{proposal.pk}/nonsense/").status_code == 404


def test_hostile_text_is_text(staff_client, ann):
    evil = "<script>alert(1)</script>"
    plan = {"by": 1, "x": evil, "big": 1e300}
    draft = Draft(
        "test.counter", "one", evil, plan,
        [Evidence(evil, evil, evil, "/admin/?a=1&b=2"), Evidence("n", None)],
    )  # fmt: skip
    proposal = opened(draft)
    proposal = approved(draft, ann)
    for text in (staff_client.get(LIST).content.decode(), page(staff_client, proposal)):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
    assert "unknown" in page(staff_client, proposal)
    assert staff_client.get(f"/admin/proposals/{proposal.pk}").json()["plan"]["big"] == 1e300


def test_a_page_opens_without_its_kind(staff_client, monkeypatch):
    proposal = opened(counting())
    monkeypatch.setattr(CounterKind, "describe", lambda self, target, plan: 1 / 0)
    assert "cannot describe this plan: ZeroDivisionError" in page(staff_client, proposal)
    registry.unregister("test.counter")
    assert "is not installed" in page(staff_client, proposal)


def test_the_emergency_stop_is_on_the_list(staff_client, staff):
    staff_client.post(f"{LIST}switch/", {"stop": "1", "reason": "The shop is on fire."})
    text = staff_client.get(LIST).content.decode()
    assert "Applying is stopped" in text
    assert "The shop is on fire." in text
    assert LoopSwitch.objects.get().changed_by == "staff"
    staff_client.post(f"{LIST}switch/", {"stop": "0"})
    assert "Applying is stopped" not in staff_client.get(LIST).content.decode()
    assert client_of(person("eve")).post(f"{LIST}switch/", {"stop": "1"}).status_code == 403
    assert not LoopSwitch.objects.get().stopped


def test_automatic_changes_are_allowed_in_the_admin(staff_client):
    rules = "/admin/core/autoapplyrule/add/"
    assert "test.counter" in staff_client.get(rules).content.decode()
    staff_client.post(rules, {"kind": "test.counter", "pattern": "one*", "enabled": "on"})
    row = AutoApplyRule.objects.get()
    assert (row.kind, row.enabled, row.created_by) == ("test.counter", True, "staff")
    staff_client.post(rules, {"kind": "unknown", "pattern": "*", "enabled": "on"})
    assert AutoApplyRule.objects.count() == 1
