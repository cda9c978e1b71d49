"""Day rollups, and what they need to catch up with the hours that are there already."""

from django.db import migrations

# As the tiers below (0005): nothing differs but the width of a bucket.
TABLES = """
CREATE TABLE tm_sample_1d (LIKE tm_sample_1h INCLUDING ALL) PARTITION BY RANGE (bucket);
CREATE TABLE tm_hist_1d (LIKE tm_hist_1h INCLUDING ALL) PARTITION BY RANGE (bucket);
"""
# Months whose hours are kept get their days too. The roller folds what the journal names;
# a day without hours folds into nothing.
BACKFILL = """
DO $$
DECLARE
    month record;
BEGIN
    FOR month IN
        SELECT replace(c.relname, '_1h_p', '_1d_p') AS child, f.family,
            to_timestamp(right(c.relname, 6) || ' +00', 'YYYYMM TZH') AS low
        FROM (VALUES ('tm_sample', 11), ('tm_hist', 12)) AS f(family, kind)
        JOIN pg_inherits i ON i.inhparent = to_regclass(f.family || '_1h')
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE c.relname ~ '_1h_p[0-9]{6}$'
    LOOP
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
            month.child, month.family || '_1d', month.low,
            (month.low AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
        );
        INSERT INTO tm_dirty (kind, bucket)
        SELECT CASE month.family WHEN 'tm_sample' THEN 11 ELSE 12 END, day AT TIME ZONE 'UTC'
        FROM generate_series(
            month.low AT TIME ZONE 'UTC',
            least(month.low AT TIME ZONE 'UTC' + interval '1 month - 1 day',
                  now() AT TIME ZONE 'UTC'),
            interval '1 day'
        ) AS day;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0023_log_blocks")]
    operations = [
        migrations.RunSQL(TABLES, "DROP TABLE tm_sample_1d, tm_hist_1d;"),
        migrations.RunSQL(BACKFILL, "DELETE FROM tm_dirty WHERE kind IN (11, 12);"),
    ]
