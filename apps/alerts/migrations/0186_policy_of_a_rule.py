from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0185_messages_of_incidents")]

    operations = [
        migrations.AddField(
            model_name="escalationpolicy",
            name="owner",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="own_policy",
                to="alerts.rule",
                verbose_name="rule",
            ),
        ),
    ]
