"""Who may call an endpoint: the whole matrix for one line in its tests.

    class TestWhoMayReadAlerts(PermissionMatrix):
        path, permissions = "/admin/monitoring/alerts", ["alerts.view_episode"]

An address or body that needs rows comes from a method `prepare`, which may set both.
"""

import json
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apps.core.models import Scope
from apps.core.services import apikeys


class PermissionMatrix:
    """Every kind of caller, and the answer each must get."""

    path: str
    method: ClassVar[str] = "GET"
    # What a member of staff needs; empty where being staff is enough.
    permissions: ClassVar[list[str]] = []
    scope: ClassVar[str] = "read"
    body: Any = None
    # What who may call it gets.
    status: ClassVar[int] = 200

    pytestmark = pytest.mark.django_db

    def prepare(self) -> None:
        """Make what the call needs."""

    def test_the_unknown_get_a_401_in_json(self) -> None:
        answer = self._call(Client(), 401, "not_authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"

    def test_a_wrong_key_gets_a_401_in_json(self) -> None:
        wrong = f"Bearer {'a' * 8}.{'b' * 32}"
        self._call(Client(headers={"Authorization": wrong}), 401, "not_authenticated")

    def test_people_who_are_not_staff_get_a_403(self) -> None:
        person = _person(self.permissions, is_staff=False)
        self._call(_signed_in(person), 403, "permission_denied")

    def test_staff_who_left_get_a_401(self) -> None:
        person = _person(self.permissions)
        client = _signed_in(person)
        User.objects.filter(pk=person.pk).update(is_active=False)
        self._call(client, 401, "not_authenticated")

    def test_staff_without_one_of_the_rights_get_a_403(self) -> None:
        for missing in self.permissions:
            person = _person([name for name in self.permissions if name != missing])
            self._call(_signed_in(person), 403, "permission_denied")

    def test_staff_with_the_rights_may(self) -> None:
        self._call(_signed_in(_person(self.permissions)), self.status)

    def test_keys_of_other_scopes_get_a_403(self) -> None:
        for scope in set(Scope.values) - {self.scope}:
            self._call(_keyed(scope), 403, "permission_denied")

    def test_a_key_of_the_scope_may(self) -> None:
        self._call(_keyed(self.scope), self.status)

    def _call(self, client: Client, status: int, error: str | None = None) -> Any:
        self.prepare()
        body = "" if self.body is None else json.dumps(self.body)
        answer = client.generic(self.method, self.path, body, content_type="application/json")
        assert answer.status_code == status, answer.content
        if error is not None:
            assert answer["Content-Type"] == "application/json"
            assert answer.json()["error"] == error
        return answer


def _person(permissions: list[str], *, is_staff: bool = True) -> User:
    person = User.objects.create_user(f"person{User.objects.count()}", is_staff=is_staff)
    for name in permissions:
        app, _, codename = name.partition(".")
        person.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return person


def _signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _keyed(scope: str) -> Client:
    _, secret = apikeys.create("matrix", [scope])
    return Client(headers={"Authorization": f"Bearer {secret}"})
