from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0192_reason_changed")]

    operations = [
        migrations.AddField(
            model_name="alertgroup",
            name="failing_since",
            field=models.DateTimeField(null=True, verbose_name="failing since"),
        ),
    ]
