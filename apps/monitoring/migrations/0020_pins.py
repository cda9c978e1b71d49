"""Traces that must outlive sampling and retention, with the reason and the end."""

from django.db import migrations

TABLE = """
CREATE TABLE tm_pin (
    trace_id uuid NOT NULL,
    reason int2 NOT NULL,
    ts timestamptz NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (trace_id, reason)
);
CREATE INDEX tm_pin_until ON tm_pin (until);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0019_log_exports")]
    operations = [migrations.RunSQL(TABLE, "DROP TABLE tm_pin;")]
