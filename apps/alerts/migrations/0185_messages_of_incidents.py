from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0180_worst_first")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="incident",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="notifications",
                to="alerts.incident",
                verbose_name="incident",
            ),
        ),
    ]
