"""Receipts: await them, ask for them, take callbacks, and fail over when they are bad."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog
from django.core import signing
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.delivery.phone import Account, Callback, Receipt, provider_for
from apps.alerts.machine import Severity
from apps.alerts.models import (
    AwaitedReceipt,
    DeliveryReceipt,
    EpisodeEvent,
    Notification,
    ReceiptState,
)
from apps.alerts.services import ladder, phones
from apps.core.errors import NotFoundError
from apps.core.text import storable
from apps.core.vault import SealBrokenError
from apps.monitoring import recorder

log = structlog.get_logger(__name__)
_SALT: Final = "apps.alerts.receipts"
_WIDTH: Final = 8
_AT_ONCE: Final = 64
# A claim by a worker that died is over after this.
_LEASE_S: Final = 30.0
_TOKEN_AGE_S: Final = 3 * 86_400


def callback_url(row: Notification, provider: str) -> str:
    """Where a provider reports on this message; "" where it could not reach us."""
    base = conf.base_url()
    local = "://localhost" in base or "://127.0.0.1" in base
    if not provider_for(provider).calls_back or local:
        return ""
    token = signing.TimestampSigner(salt=_SALT).sign(str(row.pk))
    return f"{base}/alerts/receipts/{provider}/{token}"


def await_receipt(row: Notification, provider_id: str) -> None:
    """From now on the provider is asked. Inside the transaction that notes the message as sent."""
    AwaitedReceipt.objects.update_or_create(
        notification=row,
        defaults={
            "provider_id": provider_id[:255],
            "since": Now(),
            "next_ask_at": Now() + timedelta(seconds=conf.RECEIPT_FIRST_S),
            "asked": 0,
        },
    )


def take_callback(provider: str, token: str, callback: Callback) -> None:
    """Keep what a provider reports. Raises NotFoundError, and ForgedError for a bad signature."""
    try:
        pk = signing.TimestampSigner(salt=_SALT).unsign(token, max_age=_TOKEN_AGE_S)
    except signing.BadSignature:
        raise NotFoundError("There is no message of this token.") from None
    row = Notification.objects.filter(pk=pk).select_related("channel").first()
    account = _account(row) if row is not None else None
    if row is None or account is None or account.provider != provider:
        raise NotFoundError("There is no message of this token.")
    note(row.pk, provider_for(provider).read_callback(account, callback))


def note(pk: int, receipt: Receipt) -> bool:
    """Keep a receipt, once; a bad one fails over. False: it was known already."""
    receipt = replace(receipt, detail=storable(receipt.detail))
    with transaction.atomic():
        row = (
            Notification.objects.select_for_update(of=("self",))
            .select_related("channel", "episode")
            .get(pk=pk)
        )
        _kept, fresh = DeliveryReceipt.objects.get_or_create(
            notification=row, state=receipt.state, detail=receipt.detail[:200]
        )
        if not fresh:
            return False
        if receipt.final:
            AwaitedReceipt.objects.filter(notification=row).delete()
            _tell(row, receipt)
        if receipt.state == ReceiptState.FAILED and not _arrived(row):
            ladder.fail_over(row, f"Not delivered: {receipt.detail}")
    recorder.count("pharos.notification.receipts", attrs={"kind": row.kind, "state": receipt.state})
    return True


def collect() -> int:
    """Ask providers what became of messages whose time has come; how many were asked."""
    claimed = _claim()
    if not claimed:
        return 0
    ids = [pk for pk, _provider_id in claimed]
    rows = Notification.objects.filter(pk__in=ids).select_related("channel")
    channels = {row.pk: row for row in rows}
    accounts = _accounts(list(channels.values()))
    asked = [(pk, name, accounts.get(pk)) for pk, name in claimed]
    with ThreadPoolExecutor(_WIDTH, thread_name_prefix="receipts") as pool:
        found = list(pool.map(_ask, asked))
    for pk, receipt in zip(ids, found, strict=True):
        try:
            if receipt is not None:
                note(pk, receipt)
            _mind_the_time(pk)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # It must not keep the others of this batch from being noted.
            log.exception("receipt_not_noted", notification=pk)
    return len(claimed)


def _claim() -> list[tuple[int, str]]:
    """Messages to ask about, leased by moving their next time ahead."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_awaitedreceipt AS mine SET asked = mine.asked + 1,"
            " next_ask_at = statement_timestamp() + make_interval(secs => %(lease)s)"
            " FROM (SELECT notification_id FROM alerts_awaitedreceipt"
            "  WHERE next_ask_at <= statement_timestamp() ORDER BY next_ask_at LIMIT %(most)s"
            "  FOR UPDATE SKIP LOCKED) AS due"
            " WHERE mine.notification_id = due.notification_id"
            " RETURNING mine.notification_id, mine.provider_id",
            {"lease": _LEASE_S, "most": _AT_ONCE},
        )
        return [(int(pk), str(name)) for pk, name in cursor.fetchall()]


def _ask(one: tuple[int, str, Account | None]) -> Receipt | None:
    pk, provider_id, account = one
    if account is None or not provider_for(account.provider).can_be_asked:
        return None
    try:
        return provider_for(account.provider).ask(account, provider_id)
    except Exception as error:  # noqa: BLE001 (a provider may be anybody's code and answer anything)
        log.error("receipt_unreadable", notification=pk, error=type(error).__name__)  # noqa: TRY400
        return None


def _mind_the_time(pk: int) -> None:
    """When to ask again; a critical message that waited long enough goes to the next channel."""
    with transaction.atomic():
        awaited = (
            AwaitedReceipt.objects.select_for_update(of=("self",))
            .filter(pk=pk)
            .select_related("notification__channel", "notification__episode")
            .first()
        )
        if awaited is None:
            return
        waited_s = (db_now() - awaited.since).total_seconds()
        row = awaited.notification
        if waited_s >= conf.RECEIPT_WAIT_S and row.severity == Severity.CRITICAL:
            ladder.fail_over(row, f"No receipt after {conf.RECEIPT_WAIT_S:.0f} s.")
        if waited_s >= conf.RECEIPT_GIVE_UP_S:
            DeliveryReceipt.objects.get_or_create(
                notification=row, state=ReceiptState.MISSING, detail=""
            )
            awaited.delete()
            return
        pause_s = min(conf.RECEIPT_PAUSE_S, conf.RECEIPT_FIRST_S * 1.5 ** min(awaited.asked, 20))
        awaited.next_ask_at = Now() + timedelta(seconds=math.ceil(pause_s))
        awaited.save(update_fields=["next_ask_at"])


def _arrived(row: Notification) -> bool:
    return row.receipts.filter(state__in=[ReceiptState.DELIVERED, ReceiptState.READ]).exists()


def _tell(row: Notification, receipt: Receipt) -> None:
    if row.episode_id is None:
        return
    EpisodeEvent.objects.create(
        episode_id=row.episode_id,
        at=Now(),
        kind=f"notification_{receipt.state}",
        detail={
            "notification": row.pk,
            "channel": row.channel.name if row.channel else None,
            "error": receipt.detail if receipt.state == ReceiptState.FAILED else "",
            "after_fallback": row.fallbacks.exists(),
        },
    )


def _account(row: Notification) -> Account | None:
    return _accounts([row]).get(row.pk)


def _accounts(rows: list[Notification]) -> dict[int, Account]:
    """The account of each message's channel, opened; none for one whose seal is broken."""
    known = phones.accounts_of(row.channel for row in rows)
    found: dict[int, Account] = {}
    for row in rows:
        name = phones.name_of(row.channel) if row.channel else ""
        if name in known:
            try:
                found[row.pk] = phones.opened(known[name])
            except SealBrokenError:
                log.warning("phone_account_sealed", account=name)
    return found
