"""From rows of the outbox to what a notifier gets: targets in clear, accounts, threads."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from apps.alerts.delivery import Envelope
from apps.alerts.delivery.chart import pictured
from apps.alerts.models import Channel, Notification, PhoneAccount
from apps.alerts.services import phones, receipts, threads
from apps.core.vault import SealBrokenError

SWITCHED_OFF: Final = "The channel is switched off."


@dataclass(frozen=True)
class Claim:
    """A message leased to this worker. `refusal`: why it cannot even be tried."""

    notification: Notification
    token: uuid.UUID
    envelope: Envelope | None
    refusal: str = ""


def opened(rows: Sequence[Notification], token: uuid.UUID) -> list[Claim]:
    """The claims of leased rows, in their order; two queries for all."""
    threaded = threads.opened(rows)
    accounts = phones.accounts_of(row.channel for row in rows)
    return [_open(row, token, threaded.get(row.pk, ""), accounts) for row in rows]


def envelope_for(
    channel: Channel, key: str, payload: Mapping[str, Any], account: PhoneAccount | None = None
) -> Envelope:
    """A first attempt for a channel. Raises `vault.SealBrokenError`."""
    return Envelope(
        key=key,
        target=channel.target,
        secret=channel.secret,
        payload=payload,
        config=channel.config,
        language=channel.language,
        channel_id=channel.pk,
        account=None if account is None else phones.opened(account),
    )


def _open(
    row: Notification, token: uuid.UUID, thread: str, accounts: Mapping[str, PhoneAccount]
) -> Claim:
    channel = row.channel
    if channel is None:
        return Claim(row, token, None, "The channel was deleted.")
    if not channel.enabled:
        return Claim(row, token, None, SWITCHED_OFF)
    account = accounts.get(phones.name_of(channel))
    try:
        envelope = envelope_for(channel, row.key, row.payload, account)
    except SealBrokenError as error:
        return Claim(row, token, None, str(error))
    envelope = replace(
        envelope,
        attempt=row.attempt,
        may_repeat=row.may_repeat,
        thread=thread,
        subject=threads.subject(row),
        chart=partial(pictured, row.payload),
        receipt_url=receipts.callback_url(row, account.provider) if account else "",
    )
    return Claim(row, token, envelope)
