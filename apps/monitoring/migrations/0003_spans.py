"""Spans, one partition a day; trace and span ids at fixed width."""

from django.db import migrations

TABLES = """
CREATE TABLE tm_span (
    ts timestamptz NOT NULL,
    trace_id uuid NOT NULL,
    span_id int8 NOT NULL,
    parent_id int8,
    resource_id int NOT NULL,
    name_id int NOT NULL,
    kind int2 NOT NULL,
    status int2 NOT NULL,
    dur_us int8 NOT NULL,
    attrs jsonb NOT NULL,
    events jsonb,
    links jsonb
) PARTITION BY RANGE (ts);
CREATE INDEX tm_span_ts ON tm_span
    USING brin (ts) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX tm_span_resource ON tm_span (resource_id, ts);
CREATE INDEX tm_span_trace ON tm_span (trace_id);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_points")]
    operations = [migrations.RunSQL(TABLES, "DROP TABLE tm_span;")]
