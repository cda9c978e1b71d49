"""Exemplars of sums and gauges, as histograms have them. A null column costs a row nothing."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0011_spans_and_log_records")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE tm_sample ADD COLUMN exemplars jsonb;",
            "ALTER TABLE tm_sample DROP COLUMN exemplars;",
        )
    ]
