"""Samples and histograms, one partition a day."""

from django.db import migrations

# The btree serves reads by series; the BRIN lets the roller read one minute of all series.
TABLES = """
CREATE TABLE tm_sample (
    series_id int NOT NULL,
    ts timestamptz NOT NULL,
    value float8,
    start_ts timestamptz
) PARTITION BY RANGE (ts);
CREATE INDEX tm_sample_series ON tm_sample (series_id, ts);
CREATE INDEX tm_sample_ts ON tm_sample
    USING brin (ts) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE tm_hist (
    series_id int NOT NULL,
    ts timestamptz NOT NULL,
    start_ts timestamptz,
    n int8 NOT NULL,
    sum float8,
    min float8,
    max float8,
    scale int2,
    zero int8 NOT NULL,
    pos_off int NOT NULL,
    pos int8[] NOT NULL,
    neg_off int NOT NULL,
    neg int8[] NOT NULL,
    bounds float8[],
    exemplars jsonb
) PARTITION BY RANGE (ts);
CREATE INDEX tm_hist_series ON tm_hist (series_id, ts);
CREATE INDEX tm_hist_ts ON tm_hist
    USING brin (ts) WITH (pages_per_range = 32, autosummarize = on);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_identities")]
    operations = [migrations.RunSQL(TABLES, "DROP TABLE tm_sample, tm_hist;")]
