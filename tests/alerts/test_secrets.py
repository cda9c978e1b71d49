"""What a channel keeps secret is nowhere in clear: not in tables, dumps, reprs, pages or logs."""

import copy
import io
import logging
import pickle

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.forms import modelform_factory
from rest_framework import serializers

from apps.alerts.models import Channel, PhoneAccount
from apps.alerts.models.channel import PURPOSE
from apps.alerts.services import channels, phones
from apps.core import vault
from apps.core.errors import InvalidInputError
from apps.core.models import AuditEntry
from apps.core.sealed import Secret

pytestmark = pytest.mark.django_db

TARGET = "https://hooks.example.com/services/s3cr3t-path"
NEW_KEY = "another key, long enough to be one " * 2


@pytest.fixture
def rotated(channel, settings) -> str:
    """SECRET_KEY has changed and the former one is a fallback, which is returned."""
    former = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [former]
    return former


def _tables() -> str:
    out = io.StringIO()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("tm_"):
                continue
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            out.writelines(row[0] for row in cursor.fetchall())
    return out.getvalue()


def test_no_table_no_dump_and_no_log_line_holds_a_target_or_a_signing_key(
    staff_client, channel, caplog
):
    caplog.set_level(logging.DEBUG)
    form = {"name": "pager", "kind": "webhook", "enabled": "on", "new_target": TARGET + "-2"}
    staff_client.post(f"/admin/alerts/channel/{channel.pk}/change/", form)
    changed = Channel.objects.get()
    assert changed.target == TARGET + "-2"
    logging.getLogger("pharos.test").warning(
        "%s %r %s", changed, changed.sealed_target, vars(changed)
    )
    dump = io.StringIO()
    call_command("dumpdata", "alerts", "admin", stdout=dump)
    read = staff_client.get("/admin/alerts/channel/").content.decode()
    read += staff_client.get(f"/admin/alerts/channel/{channel.pk}/history/").content.decode()
    for text in (_tables(), dump.getvalue(), caplog.text, read):
        assert "s3cr3t-path" not in text
        assert changed.secret not in text
    assert changed.sealed_target.sealed in _tables()
    assert changed.sealed_target.sealed not in dump.getvalue()


def test_a_secret_shows_itself_only_when_asked(channel):
    secret = Channel.objects.get().sealed_target
    for shown in (str(secret), repr(secret), f"{secret}", repr(vars(channel)), repr([secret])):
        assert "s3cr3t" not in shown
    assert secret.reveal() == TARGET
    for twin in (copy.deepcopy(secret), pickle.loads(pickle.dumps(secret))):
        assert twin == secret
        assert twin.reveal() == TARGET
    assert b"s3cr3t" not in pickle.dumps(channel)


def test_a_text_is_sealed_the_moment_it_is_set():
    channel = Channel(name="x", sealed_target=TARGET)
    assert "s3cr3t" not in repr(vars(channel))
    assert channel.target == TARGET
    assert Channel(name="x").sealed_target.reveal() == ""
    assert not Channel(name="x").sealed_target


def test_a_deferred_secret_is_read_when_it_is_needed(channel):
    assert Channel.objects.only("name").get().target == TARGET


def test_forms_leave_it_out_and_serializers_show_the_mask(channel):
    assert list(modelform_factory(Channel, fields="__all__")().fields) == [
        "name",
        "kind",
        "fallback",
        "config",
        "language",
        "enabled",
    ]

    class All(serializers.ModelSerializer):
        class Meta:
            model = Channel
            fields = "__all__"

    assert All(channel).data["sealed_target"] == "***"
    given = All(data={"name": "x", "kind": "webhook", "sealed_target": "https://else.example/"})
    assert given.is_valid()
    assert "sealed_target" not in given.validated_data


@pytest.mark.parametrize("lookup", ["", "__contains", "__in", "__startswith"])
def test_a_sealed_column_is_not_compared_with_texts(lookup):
    with pytest.raises(FieldError, match="fingerprint"):
        list(Channel.objects.filter(**{f"sealed_target{lookup}": TARGET}))


def test_an_error_about_a_broken_seal_says_the_mend_and_not_the_seal(channel, settings):
    settings.SECRET_KEY = NEW_KEY
    with pytest.raises(vault.SealBrokenError) as caught:
        _ = Channel.objects.get().target
    assert "Enter it again" in str(caught.value)
    assert channel.sealed_target.sealed not in repr(caught.value)


def test_a_channel_is_found_by_its_target_before_it_is_resealed(rotated):
    assert channels.ensure("webhook", TARGET).pk == Channel.objects.get().pk


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_rotating_frees_the_former_key(rotated, settings, batch, capsys):
    for number in range(3):
        channels.ensure("webhook", f"{TARGET}{number}")
    call_command("rotate_secrets", batch=batch)
    told = capsys.readouterr().out
    assert "alerts.Channel.sealed_target: 1 resealed, 3 as is." in told
    assert "no longer needed" in told
    settings.SECRET_KEY_FALLBACKS = []
    found = {channel.target: channel for channel in Channel.objects.all()}
    assert len(found) == 4
    assert found[TARGET].target_hash == vault.fingerprint(TARGET, purpose=PURPOSE)
    call_command("rotate_secrets")
    assert "0 resealed, 4 as is." in capsys.readouterr().out


def test_rotating_leaves_a_trace_and_no_secret_in_it(rotated):
    call_command("rotate_secrets")
    entry = AuditEntry.objects.get(action="seal.renew", target="alerts.Channel.sealed_target")
    assert entry.actor == "system"
    assert entry.after == {"resealed": 1, "broken": 0, "doubled": 0}
    told = AuditEntry.objects.count()
    call_command("rotate_secrets")
    assert AuditEntry.objects.count() == told


def test_rotating_says_what_it_could_not_reseal_and_leaves_it(rotated, channel):
    Channel.objects.filter(pk=channel.pk).update(sealed_secret=Secret("nonsense", PURPOSE))
    with pytest.raises(CommandError, match=r"Channel\.sealed_secret: 1 cannot be opened, 0 exist"):
        call_command("rotate_secrets")
    assert Channel.objects.get().sealed_secret.sealed == "nonsense"


def test_rotating_says_which_rows_exist_twice(rotated):
    twin = Channel(name="twin", kind="webhook")
    channels.set_target(twin, TARGET)
    twin.save()
    with pytest.raises(CommandError, match="sealed_target: 0 cannot be opened, 1 exist twice"):
        call_command("rotate_secrets")


def test_a_row_written_during_the_rotation_keeps_what_was_written(rotated, channel, monkeypatch):
    reseal = vault.reseal

    def beaten(sealed: str, *, purpose: str) -> str | None:
        renewed = reseal(sealed, purpose=purpose)
        other = Channel.objects.get(pk=channel.pk)
        channels.set_target(other, TARGET + "-newer")
        models.Model.save(other)
        return renewed

    monkeypatch.setattr(vault, "reseal", beaten)
    call_command("rotate_secrets")
    assert Channel.objects.get().target == TARGET + "-newer"


def test_knowing_that_columns_are_sealed_costs_no_statement(capsys):
    call_command("sqlmigrate", "alerts", "0003")
    assert "ALTER" not in capsys.readouterr().out


def test_no_secret_goes_to_another_address_unless_it_is_typed_again():
    there = {"base_url": "https://elsewhere.example.com"}
    slack = channels.ensure("slack", "C0ALERTS", named_secrets={"token": "xoxb-1"})
    with pytest.raises(InvalidInputError, match="another address"):
        channels.configure(slack, there, {})
    slack = Channel.objects.get(pk=slack.pk)
    channels.configure(slack, there, {"token": "xoxb-1"})
    # The key of this kind is its target.
    pager = channels.ensure("pagerduty", "a" * 32)
    with pytest.raises(InvalidInputError, match="another address"):
        channels.configure(pager, there, {}, target_typed=False)
    account = PhoneAccount(name="x", provider="twilio")
    known = {"account_sid": "AC1", "sender": "+821012345678"}
    phones.store(account, known, "s3cr3t")
    account.endpoint = there["base_url"]
    with pytest.raises(InvalidInputError, match="another address"):
        phones.store(account, known)
    phones.store(account, known, "s3cr3t")
