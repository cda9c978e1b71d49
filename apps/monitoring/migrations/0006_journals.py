"""Bodies already committed (retry dedup) and buckets whose rollup is behind the raw rows."""

from django.db import migrations

# tm_dirty is filled and emptied all day long: vacuum it by count, not by share.
TABLES = """
CREATE TABLE tm_ingest (
    hash uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tm_ingest_at ON tm_ingest USING brin (at) WITH (autosummarize = on);
CREATE TABLE tm_dirty (
    kind int2 NOT NULL,
    bucket timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_threshold = -1);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0005_rollups")]
    operations = [migrations.RunSQL(TABLES, "DROP TABLE tm_dirty, tm_ingest;")]
