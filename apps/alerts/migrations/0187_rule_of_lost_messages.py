"""A rule over the messages that no channel of their ladder has taken."""

from django.db import migrations

RULE = {
    "summary": "Messages were given up by every channel of their ladder: nobody was told.",
    "metric": "pharos.notification.lost",
    "aggregation": "increase",
    "critical": 0,
    "for_s": 0,
    "window_s": 600,
    "interval_s": 30,
    "no_data": "missing",
}


def create(apps, schema_editor):  # noqa: ARG001
    rule = apps.get_model("alerts", "Rule")
    version = apps.get_model("alerts", "RuleVersion")
    made, new = rule.objects.get_or_create(
        built_in="MESSAGES_LOST", defaults={"name": "MESSAGES_LOST", **RULE}
    )
    if new:
        version.objects.create(
            rule=made, rule_name=made.name, version=1, actor="pharos", before=None, after=RULE
        )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0186_policy_of_a_rule")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
