"""Log lines in compressed blocks, one partition for each day that is no longer hot."""

from django.db import migrations

# A block holds up to some thousand lines of one service. `levels` has bit s for severity s,
# `traces` is a Bloom filter. The data is compressed already.
TABLES = """
CREATE SEQUENCE tm_log_block_id;
CREATE TABLE tm_log_block (
    id int8 NOT NULL DEFAULT nextval('tm_log_block_id'),
    start_ts timestamptz NOT NULL,
    end_ts timestamptz NOT NULL,
    service text NOT NULL,
    n int NOT NULL,
    levels int NOT NULL,
    traces bytea,
    data bytea NOT NULL
) PARTITION BY RANGE (start_ts);
ALTER TABLE tm_log_block ALTER COLUMN data SET STORAGE EXTERNAL,
    ALTER COLUMN traces SET STORAGE EXTERNAL;
CREATE INDEX tm_log_block_end ON tm_log_block (end_ts);
CREATE INDEX tm_log_block_number ON tm_log_block (id);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0022_keep_models")]
    operations = [
        migrations.RunSQL(TABLES, "DROP TABLE tm_log_block; DROP SEQUENCE tm_log_block_id;"),
    ]
