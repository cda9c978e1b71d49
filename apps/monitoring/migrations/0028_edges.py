"""Who calls whom: one row says what one caller asked of one callee inside one bucket."""

from django.db import migrations

# Both ends by kind and name: 0 outside, 1 service, 2 database or cache, 3 queue, 4 other host.
# Durations are seconds, in the columns of tm_hist_1m. `traces` counts the traces with such a call,
# so n / traces is the fan-out.
_EDGE = """
CREATE TABLE tm_edge_{tier} (
    bucket timestamptz NOT NULL,
    src_kind int2 NOT NULL,
    src text NOT NULL,
    dst_kind int2 NOT NULL,
    dst text NOT NULL,
    n int8 NOT NULL,
    err int8 NOT NULL,
    traces int8 NOT NULL,
    sum float8 NOT NULL,
    min float8 NOT NULL,
    max float8 NOT NULL,
    zero int8 NOT NULL,
    pos_off int NOT NULL,
    pos int8[] NOT NULL
) PARTITION BY RANGE (bucket);
CREATE INDEX tm_edge_{tier}_bucket ON tm_edge_{tier} (bucket);
"""
TIERS = ("1m", "1h")


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0027_built_in_objectives")]
    operations = [
        migrations.RunSQL(
            "".join(_EDGE.format(tier=tier) for tier in TIERS),
            f"DROP TABLE {', '.join(f'tm_edge_{tier}' for tier in TIERS)};",
        ),
    ]
