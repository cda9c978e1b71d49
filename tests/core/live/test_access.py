"""Who may watch is asked again and again, for all at once, and answered as Django would."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from apps.core.live import access
from apps.core.live.access import Claim, still_allowed
from apps.core.live.doorkeeper import Doorkeeper
from tests.conftest import STAFF_PASSWORD
from tests.core.live.viewers import eventually

VIEW = "core.view_apikey"


def signed_in(name: str, **more) -> Claim:
    user = User.objects.create_user(name, password=STAFF_PASSWORD, is_staff=True, **more)
    client = Client()
    client.force_login(user)
    return Claim(client.cookies["sessionid"].value, user.pk)


def watching(claim: Claim, *permissions: str) -> Claim:
    return Claim(claim.session_key, claim.user_id, frozenset(permissions))


@pytest.mark.django_db
def test_a_thousand_viewers_cost_as_many_queries_as_one(django_assert_num_queries):
    claims = [watching(signed_in(f"v{n}", is_superuser=n % 2), "", VIEW) for n in range(4)]
    with django_assert_num_queries(3):
        assert still_allowed(claims * 250) == [False, True] * 500
    with django_assert_num_queries(3):
        still_allowed(claims[:1])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        lambda user, session: session.delete(),
        lambda user, session: Session.objects.filter(pk=session.pk).update(
            expire_date=timezone.now()
        ),
        lambda user, session: Session.objects.filter(pk=session.pk).update(session_data="nonsense"),
        lambda user, session: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user, session: User.objects.filter(pk=user.pk).update(is_staff=False),
        lambda user, session: user.delete(),
        lambda user, session: user.user_permissions.clear(),
        lambda user, session: (user.set_password("another one entirely"), user.save()),
    ],
)
def test_whatever_is_lost_is_noticed(change):
    stays, goes = (watching(signed_in(name), VIEW) for name in ("stays", "goes"))
    permission = Permission.objects.get(content_type__app_label="core", codename="view_apikey")
    group = Group.objects.create(name="viewers")
    group.permissions.add(permission)
    User.objects.get(username="stays").groups.add(group)
    user = User.objects.get(username="goes")
    user.user_permissions.add(permission)
    assert still_allowed([stays, goes]) == [True, True]
    change(user, Session.objects.get(session_key=goes.session_key))
    assert still_allowed([stays, goes]) == [True, False]


@pytest.mark.django_db
def test_one_session_is_not_good_for_another_person():
    one, other = signed_in("one"), signed_in("other")
    assert still_allowed([Claim(one.session_key, other.user_id), Claim("", one.user_id)]) == [
        False, False,
    ]  # fmt: skip


@pytest.mark.django_db
def test_other_kinds_of_session_and_backend_are_asked_one_by_one(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    claim = watching(signed_in("cookie", is_superuser=True), VIEW)
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "django.contrib.auth.backends.RemoteUserBackend",
    ]
    assert still_allowed([claim, Claim("made up", claim.user_id)]) == [True, False]


class Guest:
    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self.outside = False

    def claim(self) -> Claim:
        return self._claim

    def turn_out(self) -> None:
        self.outside = True


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_the_doorkeeper_turns_out_who_may_not_stay_and_rests_when_all_are_gone(thread_closed):
    claims = [await sync_to_async(signed_in)(name) for name in ("a", "b")]
    keeper = Doorkeeper(every_s=0.02)
    stays, goes = (Guest(claim) for claim in claims)
    for guest in (stays, goes):
        keeper.admit(guest)
    await Session.objects.filter(session_key=claims[1].session_key).adelete()
    await eventually(lambda: goes.outside)
    assert not stays.outside
    for guest in (stays, goes):
        keeper.dismiss(guest)
    assert keeper.guests == 0
    await eventually(keeper._task.done)


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("a fault of ours")])
async def test_a_check_that_fails_turns_nobody_out(monkeypatch, thread_closed, error):
    asked = []

    def failing(claims):
        asked.append(claims)
        raise error

    monkeypatch.setattr(access, "still_allowed", failing)
    keeper = Doorkeeper(every_s=0.01)
    guest = Guest(Claim("a", 1))
    keeper.admit(guest)
    await eventually(lambda: len(asked) >= 3)
    keeper.dismiss(guest)
    await eventually(keeper._task.done)
    assert not guest.outside
