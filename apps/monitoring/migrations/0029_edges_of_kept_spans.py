"""Draw the map of what was received before there was one."""

from django.db import migrations

# The roller takes it from here, a few minutes of spans a transaction.
MARK = """
INSERT INTO tm_dirty (kind, bucket)
SELECT DISTINCT 6::int2, date_trunc('minute', ts) FROM tm_span;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0028_edges")]
    operations = [migrations.RunSQL(MARK, "DELETE FROM tm_dirty WHERE kind IN (6, 17, 18);")]
