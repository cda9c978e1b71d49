"""The root of the tree: it tells nobody until someone gives it a receiver."""

from typing import Any

from django.db import migrations


def create(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("alerts", "Route").objects.get_or_create(
        parent=None, defaults={"name": "All alerts"}
    )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0120_routing")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
