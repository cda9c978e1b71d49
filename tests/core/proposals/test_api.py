"""Proposals over HTTP: who may see and do what, and what nonsense is answered with."""

import json

import pytest
from django.test import Client

from apps.core.proposals.models import Approval, Proposal
from apps.core.proposals.services.propose import Evidence, Prediction
from apps.core.services import apikeys
from tests.core.proposals.conftest import again, approved, counting, opened, person, work
from tests.core.proposals.kinds import sql

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("targets")]
VERBS = {
    "approve": "approve", "reject": "reject", "apply": "apply", "rollback": "rollback",
}  # fmt: skip


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(client, pk, verb, body=None, **more):
    return client.post(
        f"/admin/proposals/{pk}/{verb}", json.dumps(body or {}), content_type="application/json",
        **more,
    )  # fmt: skip


def test_the_list_shows_filters_and_pages(staff_client, ann, django_assert_max_num_queries):
    for by in range(1, 6):
        opened(counting(by=by))
    approved(counting("two", risk="high"), ann)
    with django_assert_max_num_queries(4):
        page = staff_client.get("/admin/proposals?page_size=4").json()
    assert len(page["items"]) == 4
    assert page["has_more"] is True
    rest = staff_client.get(
        "/admin/proposals", {"page_size": 4, "cursor": page["next_cursor"]}
    ).json()
    ids = [row["id"] for row in page["items"] + rest["items"]]
    assert len(set(ids)) == 6
    newest = page["items"][0]
    assert (newest["target"], newest["risk"], newest["state"]) == ("two", "high", "proposed")
    assert newest["gain"] is newest["predicted"] is None
    for query, count in {"risk=high": 1, "target=one": 5, "kind=test.index": 0,
                         "state=proposed": 6, "state=kept": 0}.items():  # fmt: skip
        found = staff_client.get(f"/admin/proposals?{query}").json()
        assert len(found["items"]) == count, query


@pytest.mark.parametrize("query", ["state=wrong", "x=1", "target=%00", "kind=" + "a" * 99])
def test_nonsense_in_the_query_is_a_400(staff_client, query):
    assert staff_client.get(f"/admin/proposals?{query}").status_code == 400


def test_the_list_as_csv_disarms_formulas(staff_client):
    draft = counting()
    opened(type(draft)(draft.kind, draft.target, "=cmd|'/c calc'!A0", draft.plan))
    text = staff_client.get("/admin/proposals?format=csv").getvalue().decode()
    assert "'=cmd" in text


def test_one_proposal_has_everything(staff_client, ann, django_assert_max_num_queries):
    draft = counting(
        evidence=[Evidence("calls", 12.5, "1/s", "/admin/traces/"), Evidence("lag", None)],
        predicted=Prediction("total", "1", "increase", 3.0, 2.0, 4.0, relative=False),
    )
    proposal = approved(draft, ann)
    work()
    with django_assert_max_num_queries(12):
        found = staff_client.get(f"/admin/proposals/{proposal.pk}").json()
    assert found["proposal"]["state"] == "kept"
    assert found["evidence"][1] == {"label": "lag", "value": None, "unit": "", "url": ""}
    assert found["plan"] == {"by": 1, "risk": "medium"}
    assert found["does"] == "add 1 to each counter of one"
    assert found["rollback_plan"] == {"a": 0, "b": 0, "c": 0}
    assert [row["by"] for row in found["approvals"]] == ["ann"]
    assert (found["before"]["value"], found["after"]["value"]) == (0, 3)
    assert found["proposal"]["gain"]["low"] == 3
    assert [row["state"] for row in found["steps"]] == ["done"] * 3
    assert found["events"][-1]["after"] == "kept"


@pytest.mark.parametrize(
    "pk", ["x", "1", "%00", "a" * 3000, "00000000-0000-0000-0000-000000000000"]
)
def test_what_is_no_id_is_a_404_in_json(staff_client, pk):
    for reply in (
        staff_client.get(f"/admin/proposals/{pk}"),
        post(staff_client, pk, "reject", {"reason": "x"}),
        post(staff_client, pk, "approve", {"plan_hash": "0" * 64}),
    ):
        assert reply.status_code == 404
        assert reply.json()["error"] == "not_found"


def test_approve_reject_apply_and_roll_back(ann, bob):
    proposal = opened(counting(risk="high"))
    stale = post(client_of(ann), proposal.pk, "approve", {"plan_hash": "0" * 64})
    assert stale.status_code == 409
    assert stale.json()["details"]["plan_hash"] == proposal.plan_hash
    seen = {"plan_hash": proposal.plan_hash, "reason": "Looks right."}
    assert post(client_of(ann), proposal.pk, "approve", seen).json()["state"] == "proposed"
    assert post(client_of(ann), proposal.pk, "approve", seen).status_code == 409
    assert post(client_of(bob), proposal.pk, "approve", seen).json()["state"] == "approved"
    assert post(client_of(bob), proposal.pk, "apply").status_code == 200
    work()
    back = post(client_of(ann), proposal.pk, "rollback", {"reason": "No."})
    assert back.json()["state"] == "rolling_back"
    work()
    assert again(proposal).state == "rolled_back"
    late = post(client_of(ann), proposal.pk, "reject", {"reason": "No."})
    assert (late.status_code, late.json()["error"]) == (409, "illegal_move")


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_never_decides(verb):
    proposal = opened(counting())
    for scope, word in (("operate", "key"), ("read", ""), ("ingest", "")):
        _, secret = apikeys.create(scope, [scope])
        body = {"plan_hash": proposal.plan_hash} if verb == "approve" else {"reason": "x"}
        body = {} if verb == "apply" else body
        reply = post(
            Client(), proposal.pk, verb, body, headers={"Authorization": f"Bearer {secret}"}
        )
        assert reply.status_code == 403
        assert reply.json()["error"] == "permission_denied"
        assert word in reply.json()["message"]
    assert again(proposal).state == "proposed"
    assert not Approval.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_needs_its_own_right(verb):
    proposal = opened(counting())
    others = [right for right in VERBS.values() if right != VERBS[verb]]
    assert post(client_of(person("eve", "view", *others)), proposal.pk, verb).status_code == 403
    assert post(Client(), proposal.pk, verb).status_code == 401
    allowed = post(client_of(person("ann", VERBS[verb])), proposal.pk, verb)
    assert allowed.status_code in (400, 409)


def test_seeing_needs_a_scope_or_the_right():
    proposal = opened(counting())
    _, reader = apikeys.create("reader", ["read"])
    _, sender = apikeys.create("sender", ["ingest"])
    for path in ("/admin/proposals", f"/admin/proposals/{proposal.pk}"):
        assert Client().get(path).status_code == 401
        assert client_of(person(f"e{len(path)}", "approve")).get(path).status_code == 403
        assert client_of(person(f"v{len(path)}", "view")).get(path).status_code == 200
        for secret, status in ((reader, 200), (sender, 403)):
            headers = {"Authorization": f"Bearer {secret}"}
            assert Client().get(path, headers=headers).status_code == status


def test_deciding_needs_the_csrf_token(ann):
    proposal = opened(counting())
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    assert post(client, proposal.pk, "reject", {"reason": "x"}).status_code == 403
    assert again(proposal).state == "proposed"


@pytest.mark.parametrize(
    "body",
    ['{"plan_hash": 1}', '{"plan_hash": "x\\u0000"}', "[]", "null", '"x"', "{", "{}",
     '{"plan_hash": "' + "0" * 64 + '", "reason": "\\u0000"}',
     '{"plan_hash": "' + "0" * 64 + '", "reason": "' + "x" * 3000 + '"}'],
)  # fmt: skip
def test_nonsense_in_the_body_is_a_400(ann, body):
    proposal = opened(counting())
    reply = client_of(ann).post(
        f"/admin/proposals/{proposal.pk}/approve", body, content_type="application/json"
    )
    assert reply.status_code == 400
    assert again(proposal).state == "proposed"


def test_drift_is_a_409_that_says_so(ann):
    proposal = opened(counting())
    sql("UPDATE loop_counter SET value = 9")
    reply = post(client_of(ann), proposal.pk, "approve", {"plan_hash": proposal.plan_hash})
    assert (reply.status_code, reply.json()["error"]) == (409, "drift")
    assert Proposal.objects.get().state == "void"


@pytest.mark.parametrize(("body", "kind"), [("", "application/json"), ("{}", "application/json")])
def test_to_begin_needs_no_words(ann, body, kind):
    proposal = approved(counting(), ann)
    path = f"/admin/proposals/{proposal.pk}/apply"
    reply = client_of(ann).generic("POST", path, body, content_type=kind)
    assert reply.status_code == 200
    assert client_of(ann).generic("POST", path).status_code == 200
