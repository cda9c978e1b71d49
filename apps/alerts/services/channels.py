"""Make channels, renew their secrets, send a test."""

import hmac
import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.alerts import conf
from apps.alerts.delivery import notifier_for, packed, unpacked
from apps.alerts.models import Channel, Notification, Purpose
from apps.alerts.models.channel import PURPOSE
from apps.alerts.services import phones, testcap
from apps.alerts.services.owe import owe
from apps.core import vault
from apps.core.errors import ConflictError, InvalidInputError


@dataclass(frozen=True)
class ChannelWish:
    """A channel as the caller names it."""

    kind: str
    target: str = field(repr=False)
    secret: str = field(default="", repr=False)
    config: Mapping[str, Any] = field(default_factory=dict)
    named_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def ensure(
    kind: str,
    target: str,
    *,
    name: str = "",
    secret: str = "",
    config: Mapping[str, Any] | None = None,
    named_secrets: Mapping[str, str] | None = None,
) -> Channel:
    """The channel for this target, made when there is none.

    Settings and secrets are taken for a new channel only: who merely knows an address must not
    change how its messages are sent. Raises InvalidInputError, and ConflictError for another
    secret.
    """
    target = notifier_for(kind).validate(target)
    # Under former keys too: the row may not have been resealed yet.
    digests = vault.fingerprints(target, purpose=PURPOSE)
    same = Channel.objects.filter(kind=kind, target_hash__in=digests)
    found = same.first()
    if found is not None:
        if secret and not hmac.compare_digest(found.secret.encode(), secret.encode()):
            raise ConflictError("This channel has another secret; change it on its admin page.")
        return found
    channel = Channel(kind=kind, name=name or mask(kind, target)[:200])
    set_target(channel, target)
    if notifier_for(kind).signs:
        set_secret(channel, secret)
    configure(channel, config or {}, named_secrets or {})
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError:
        # Another caller made the same channel between the two statements.
        return same.get()
    return channel


def set_target(channel: Channel, target: str) -> None:
    """Seal a new target into an unsaved change of the channel. Raises InvalidInputError."""
    target = notifier_for(channel.kind).validate(target)
    channel.sealed_target = target
    channel.target_hash = vault.fingerprint(target, purpose=PURPOSE)
    channel.hint = mask(channel.kind, target)[:255]


def configure(
    channel: Channel, config: Mapping[str, Any], named_secrets: Mapping[str, str],
    *, target_typed: bool = True,
) -> None:  # fmt: skip
    """Put settings into an unsaved change of the channel, whose target is set already.

    Secrets that are left out or empty stay as they are. `target_typed`: it was set just now. Raises
    InvalidInputError.
    """
    notifier = notifier_for(channel.kind)
    before, channel.config = channel.config or {}, notifier.clean_config(config)
    if phones.SETTING in channel.config:
        phones.check(channel.kind, phones.name_of(channel), channel.target)
    if notifier.signs:
        if named_secrets:
            raise InvalidInputError("This kind of channel has one secret and no named ones.")
        return
    given = {name: text for name, text in named_secrets.items() if text}
    stored = {name: text for name, text in unpacked(channel.secret).items() if text}
    # Where a kind has no named secrets, its target is the secret.
    named = any(setting.secret for setting in notifier.settings)
    kept_secret = stored.keys() - given.keys() if named else not target_typed
    for setting in notifier.settings:
        moved = before.get(setting.name, "") != channel.config.get(setting.name, "")
        if kept_secret and setting.shape == "url" and moved:
            # Whoever may set an address could have the secret sent to their own.
            words = _("Type the secrets again: they would go to another address.")
            raise InvalidInputError(words, {"field": setting.name})
    kept = notifier.clean_secrets({**stored, **given})
    notifier.check(channel.target, channel.config, kept)
    if any(kept.values()):
        channel.sealed_secret = packed(kept)


def mask(kind: str, target: str) -> str:
    """What may be shown of a target."""
    return notifier_for(kind).mask(target)


def set_secret(channel: Channel, secret: str = "") -> str:
    """Seal a signing secret, a new random one by default; returned so that it can be shown once."""
    secret = secret or secrets.token_urlsafe(32)
    channel.sealed_secret = secret
    return secret


def send_test(channel: Channel) -> Notification:
    """Owe the channel a test message, sent by the ordinary path.

    Raises ConflictError for one too many within a few minutes: whoever is behind it may be asleep.
    """
    payload: dict[str, Any] = {
        "purpose": Purpose.TEST.value,
        "channel": channel.name,
        "since": timezone.now().isoformat(),
        "url": conf.base_url(),
    }
    with transaction.atomic():
        if testcap.full([channel.pk]):
            words = _("%(name)s has had %(n)d test messages just now; try again in %(m)d minutes.")
            told = {"name": channel.name, "n": conf.MOST_TESTS, "m": conf.TESTS_WITHIN_S // 60}
            raise ConflictError(words % told)
        (row,) = owe([channel], Purpose.TEST, payload, news=f"test:{uuid.uuid4()}", priority=0)
    return row


def channels_of(wishes: Sequence[ChannelWish]) -> list[Channel]:
    """The channels wished for, each once; made where there are none yet."""
    made = [
        ensure(w.kind, w.target, secret=w.secret, config=w.config, named_secrets=w.named_secrets)
        for w in wishes
    ]
    return list({channel.pk: channel for channel in made}.values())


def send_tests(channels: Iterable[Channel]) -> tuple[int, list[Any]]:
    """A test to each; how many there were, and in words why the others had none."""
    sent, refused = 0, []
    for channel in channels:
        try:
            send_test(channel)
            sent += 1
        except ConflictError as error:
            refused.append(error.words)
    return sent, refused
