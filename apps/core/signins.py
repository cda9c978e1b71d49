"""Sign-ins, sign-outs and failures in the audit trail."""

import hmac
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from apps.core import caller
from apps.core.services import audit


def install() -> None:
    """Listen to Django's own signals: every way to sign in sends them."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit.signins")
    user_logged_out.connect(_signed_out, dispatch_uid="audit.signins")
    user_login_failed.connect(_failed, dispatch_uid="audit.signins")


def known_or_digest(name: str) -> str:
    """An account's name if there is one; else a keyed digest.

    People type their password where the name belongs: what is no account is not written down.
    """
    digest = hmac.new(settings.SECRET_KEY.encode(), name.encode("utf-8", "replace"), "sha256")
    model = get_user_model()
    known = (
        "\0" not in name
        and len(name) <= 150
        and model._default_manager.filter(**{model.USERNAME_FIELD: name}).exists()
    )
    return name if known else f"unknown:{digest.hexdigest()[:16]}"


def _signed_in(user: Any, **_: Any) -> None:
    audit.record(user.get_username(), "login.success", user.get_username())


def _signed_out(user: Any, **_: Any) -> None:
    if user is not None:
        audit.record(user.get_username(), "login.end", user.get_username())


def _failed(credentials: Any, **_: Any) -> None:
    name = str(credentials.get("username", ""))
    audit.record(caller.ANONYMOUS, "login.failure", known_or_digest(name))
