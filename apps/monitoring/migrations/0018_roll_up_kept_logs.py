"""Have the lines of before counted, too: mark the minutes they may lie in."""

from django.db import migrations

MARK = """
INSERT INTO tm_dirty (kind, bucket)
SELECT 7, minute FROM (SELECT min(ts) AS first, max(ts) AS last FROM tm_log) kept,
    generate_series(date_trunc('minute', kept.first), kept.last, interval '1 minute') AS minute
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0017_log_rollups")]
    operations = [
        migrations.RunSQL(MARK, "DELETE FROM tm_dirty WHERE kind = 7"),
    ]
