"""Exemplars worth keeping: the largest of each series in ten minutes, its trace to be pinned."""

from django.db import migrations

TABLES = """
CREATE TABLE tm_exemplar (
    series_id int NOT NULL,
    slot timestamptz NOT NULL,
    ts timestamptz NOT NULL,
    value float8 NOT NULL,
    trace_id uuid NOT NULL,
    span_id int8 NOT NULL,
    pinned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (series_id, slot)
) PARTITION BY RANGE (slot);
CREATE INDEX tm_exemplar_unpinned ON tm_exemplar (slot) WHERE NOT pinned;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0024_days")]
    operations = [migrations.RunSQL(TABLES, "DROP TABLE tm_exemplar;")]
