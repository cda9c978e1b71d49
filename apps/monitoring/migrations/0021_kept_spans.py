"""Spans kept by interest: their weight and why, the days thinned, and rows that come meanwhile."""

from django.db import migrations

# Without a default the columns cost no rewrite. NULL: nobody has judged the span yet.
COLUMNS = """
ALTER TABLE tm_span ADD COLUMN weight real, ADD COLUMN kept int2;
"""
TABLES = """
CREATE TABLE tm_thinned (
    partition text PRIMARY KEY,
    lower timestamptz NOT NULL,
    upper timestamptz NOT NULL,
    at timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    policy text NOT NULL,
    spans_before int8 NOT NULL,
    spans_after int8 NOT NULL,
    traces_before int8 NOT NULL,
    traces_after int8 NOT NULL,
    bytes_before int8 NOT NULL,
    bytes_after int8 NOT NULL
);
CREATE TABLE tm_operation (
    service text NOT NULL,
    name_id int NOT NULL,
    first_seen timestamptz NOT NULL,
    PRIMARY KEY (service, name_id)
);
"""
# While a partition is being copied, rows that still arrive in it are noted beside it.
CAPTURE = """
CREATE FUNCTION tm_capture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I SELECT ($1).*', TG_ARGV[0]) USING NEW;
    RETURN NULL;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0020_pins")]
    operations = [
        migrations.RunSQL(COLUMNS, "ALTER TABLE tm_span DROP COLUMN weight, DROP COLUMN kept;"),
        migrations.RunSQL(TABLES, "DROP TABLE tm_thinned, tm_operation;"),
        migrations.RunSQL(CAPTURE, "DROP FUNCTION tm_capture();"),
    ]
