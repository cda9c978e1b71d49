"""The profiler: only staff, only a sample, bound to the trace, without values."""

import sys

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory, override_settings

from portal.profiling import links, sampling


def asks(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


@pytest.mark.parametrize(
    ("user", "percent", "profiled"),
    [
        (User(is_staff=True), 100, True), (User(is_staff=True), 0, False),
        (User(is_staff=True, is_active=False), 100, False),
        (User(), 100, False), (AnonymousUser(), 100, False),
    ],
)  # fmt: skip
def test_only_a_sample_of_what_staff_ask_for_is_profiled(user, percent, profiled):
    with override_settings(PHAROS_PROFILING_PERCENT=percent):
        assert sampling.chosen(asks(user)) is profiled
        assert sampling.chosen(RequestFactory().get("/")) is False


def test_off_it_is_not_even_loaded(settings, django_assert_num_queries, db):
    from uuid import uuid4

    assert not any("silk" in name for name in settings.MIDDLEWARE + settings.INSTALLED_APPS)
    assert "silk" not in sys.modules
    with django_assert_num_queries(0):
        assert links.profile_url(uuid4()) == ""
