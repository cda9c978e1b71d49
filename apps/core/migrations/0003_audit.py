"""The audit trail, which only grows: a trigger refuses what no code of ours should try."""

import django.utils.timezone
from django.db import migrations, models

_GUARD = """
CREATE FUNCTION core_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('pharos.audit_retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit trail is not edited.' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER core_audit_guard BEFORE UPDATE OR DELETE ON core_auditentry
    FOR EACH ROW EXECUTE FUNCTION core_audit_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_apikey_tier")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="at"
                    ),
                ),
                ("actor", models.CharField(max_length=255, verbose_name="actor")),
                ("action", models.CharField(max_length=64, verbose_name="action")),
                ("target", models.CharField(max_length=255, verbose_name="target")),
                ("before", models.JSONField(null=True, verbose_name="before")),
                ("after", models.JSONField(null=True, verbose_name="after")),
                (
                    "request_id",
                    models.CharField(
                        blank=True, default="", max_length=128, verbose_name="request id"
                    ),
                ),
                ("remote_address", models.GenericIPAddressField(null=True, verbose_name="address")),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit log",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="audit_newest"),
                    models.Index(fields=["actor", "-at", "-id"], name="audit_by_actor"),
                    models.Index(fields=["action", "-at", "-id"], name="audit_by_action"),
                    models.Index(fields=["target", "-at", "-id"], name="audit_by_target"),
                ],
            },
        ),
        migrations.RunSQL(
            _GUARD,
            "DROP TRIGGER core_audit_guard ON core_auditentry;DROP FUNCTION core_audit_guard();",
        ),
    ]
