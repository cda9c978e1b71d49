"""Saved views: one's own or shared ones, and nothing in them can lead elsewhere."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from apps.core.errors import ConflictError, InvalidInputError, NotFoundError
from apps.core.models import AuditEntry, SavedView
from apps.core.services import apikeys, savedviews

URL = "/admin/views"


@pytest.fixture
def alice(db) -> User:
    return User.objects.create_user("alice", is_staff=True)


@pytest.fixture
def bob(db) -> User:
    return User.objects.create_user("bob", is_staff=True)


def client(person: User) -> Client:
    signed_in = Client()
    signed_in.force_login(person)
    return signed_in


def names(person: User) -> list[str]:
    answer = client(person).get(URL, {"path": "/admin/"})
    assert answer.status_code == 200
    return [item["name"] for item in answer.json()["items"]]


def save(person: User, name: str = "mine", **more):
    wish = {"path": "/admin/", "name": name, "query": "?from=now-6h&to=now", **more}
    return client(person).post(URL, wish, content_type="application/json")


def test_a_view_is_saved_listed_changed_and_deleted_with_a_trace(alice):
    saved = save(alice)
    assert saved.status_code == 201
    assert saved.json()["query"] == "from=now-6h&to=now"
    one = f"{URL}/{saved.json()['id']}"
    changed = client(alice).patch(one, {"name": "ours"}, content_type="application/json")
    assert (changed.status_code, names(alice)) == (200, ["ours"])
    assert client(alice).delete(one).status_code == 204
    assert names(alice) == []
    trail = AuditEntry.objects.filter(action__startswith="savedview.").order_by("id")
    assert [entry.action for entry in trail] == [
        "savedview.create", "savedview.update", "savedview.delete",
    ]  # fmt: skip
    assert {entry.actor for entry in trail} == {"alice"}


def test_only_shared_views_of_others_are_seen_and_none_can_be_changed(alice, bob):
    save(alice, "secret")
    shared = save(alice, "shared", shared=True).json()["id"]
    assert names(bob) == ["shared"]
    one = f"{URL}/{shared}"
    assert client(bob).patch(one, {"name": "b"}, content_type="application/json").status_code == 404
    assert client(bob).delete(one).status_code == 404
    with pytest.raises(NotFoundError):
        savedviews.delete(bob, shared)
    assert names(alice) == ["secret", "shared"]


def test_a_name_is_used_once_a_page_and_person(alice, bob):
    assert save(alice).status_code == 201
    assert save(alice, " mine ").status_code == 409
    assert save(bob).status_code == 201
    assert save(alice, path="/admin/logs/").status_code == 201


def test_there_is_one_default_a_page_and_the_newest_wins(alice):
    save(alice, "a", pinned=True)
    save(alice, "b", pinned=True, query="from=now-1h")
    assert SavedView.objects.filter(pinned=True).count() == 1
    assert savedviews.default_query(alice, "/admin/") == "from=now-1h"


@pytest.mark.django_db(transaction=True)
def test_two_defaults_at_once_leave_one_and_no_complaint(django_user_model):
    person = django_user_model.objects.create_user("carol", is_staff=True)
    views = [savedviews.create(person, "/admin/", name, "").pk for name in "abcdef"]
    gate = threading.Barrier(len(views))

    def pin(pk: int) -> None:
        try:
            gate.wait(30)
            savedviews.change(person, pk, pinned=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(views)) as pool:
        list(pool.map(pin, views))
    assert SavedView.objects.filter(owner=person, pinned=True).count() == 1


def test_a_page_opens_with_its_readers_default_and_plain_without_it(alice, bob):
    save(alice, pinned=True)
    answer = client(alice).get("/admin/", headers={"accept": "text/html"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/?from=now-6h&to=now")
    for person, address in ((alice, "/admin/?plain"), (bob, "/admin/")):
        assert client(person).get(address, headers={"accept": "text/html"}).status_code == 200


def test_nobody_keeps_more_than_the_cap(alice, monkeypatch):
    monkeypatch.setattr(savedviews, "MOST_VIEWS", 2)
    for name in "ab":
        savedviews.create(alice, "/admin/", name, "")
    with pytest.raises(ConflictError, match="delete one"):
        savedviews.create(alice, "/admin/", "c", "")


@pytest.mark.parametrize(
    "query",
    [
        "https://elsewhere.example/?a=1", "//elsewhere.example", "/admin/", "javascript:alert(1)",
        "JavaScript:alert(1)", "\\\\elsewhere", "a=1#b", "a=1\r\nLocation:x", "a=\0",
        "a=" + "x" * 2048, "&".join(f"a{n}=1" for n in range(60)), "é=" + "é" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_query_string_of_the_page_is_refused(alice, query):
    with pytest.raises(InvalidInputError) as caught:
        savedviews.create(alice, "/admin/", "bad", query)
    assert caught.value.details["parameter"] == "query"
    assert save(alice, query=query).status_code == 400


@pytest.mark.parametrize(
    "page", ["", "/", "//x/", "/admin", "/admin/../x/", "/admin/?a/", "x" * 201]
)
def test_what_is_no_page_is_refused(alice, page):
    assert save(alice, path=page).status_code == 400
    # An empty one asks for the views of all pages.
    assert client(alice).get(URL, {"path": page}).status_code == (400 if page else 200)


@pytest.mark.parametrize("name", ["", " ", "a\nb\0", "x" * 81])
def test_what_is_no_name_is_refused(alice, name):
    with pytest.raises(InvalidInputError):
        savedviews.create(alice, "/admin/", name, "")


def test_programs_keep_no_views_and_strangers_see_none(alice):
    _key, secret = apikeys.create("program", ["read", "operate"])
    bearer = {"authorization": f"Bearer {secret}"}
    assert Client().get(URL, {"path": "/admin/"}, headers=bearer).status_code == 403
    assert Client().get(URL, {"path": "/admin/"}).status_code == 401
    visitor = User.objects.create_user("visitor")
    assert client(visitor).get(URL, {"path": "/admin/"}).status_code == 403


def test_changes_need_the_csrf_token(alice):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    wish = {"path": "/admin/", "name": "x", "query": ""}
    assert strict.post(URL, wish, content_type="application/json").status_code == 403
