"""Rate, errors and duration of every operation: by minute, by hour and by day."""

from django.db import migrations

# One row says what one operation of one resource did inside one bucket. Durations are seconds in
# the columns of tm_hist_1m, so both merge by the same code. The btree serves one operation over
# time, the BRIN all operations of a range.
_RED = """
CREATE TABLE tm_red_{tier} (
    resource_id int NOT NULL,
    name_id int NOT NULL,
    kind int2 NOT NULL,
    bucket timestamptz NOT NULL,
    n int8 NOT NULL,
    err int8 NOT NULL,
    http_1xx int8 NOT NULL,
    http_2xx int8 NOT NULL,
    http_3xx int8 NOT NULL,
    http_4xx int8 NOT NULL,
    http_5xx int8 NOT NULL,
    sum float8 NOT NULL,
    min float8 NOT NULL,
    max float8 NOT NULL,
    scale int2 NOT NULL,
    zero int8 NOT NULL,
    pos_off int NOT NULL,
    pos int8[] NOT NULL,
    neg_off int NOT NULL DEFAULT 0,
    neg int8[] NOT NULL DEFAULT '{{}}',
    bounds float8[],
    exemplars jsonb,
    PRIMARY KEY (name_id, resource_id, kind, bucket)
) PARTITION BY RANGE (bucket);
CREATE INDEX tm_red_{tier}_bucket ON tm_red_{tier}
    USING brin (bucket) WITH (pages_per_range = 32, autosummarize = on);
"""
TIERS = ("1m", "1h", "1d")


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0013_sources")]
    operations = [
        migrations.RunSQL(
            "".join(_RED.format(tier=tier) for tier in TIERS),
            f"DROP TABLE {', '.join(f'tm_red_{tier}' for tier in TIERS)};",
        ),
    ]
