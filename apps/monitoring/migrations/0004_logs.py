"""Log records, one partition a day."""

from django.db import migrations

TABLES = """
CREATE TABLE tm_log (
    ts timestamptz NOT NULL,
    observed_ts timestamptz NOT NULL,
    resource_id int NOT NULL,
    severity int2 NOT NULL,
    trace_id uuid,
    span_id int8,
    body text NOT NULL,
    attrs jsonb NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX tm_log_ts ON tm_log
    USING brin (ts) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX tm_log_resource ON tm_log (resource_id, ts);
CREATE INDEX tm_log_trace ON tm_log (trace_id) WHERE trace_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0003_spans")]
    operations = [migrations.RunSQL(TABLES, "DROP TABLE tm_log;")]
