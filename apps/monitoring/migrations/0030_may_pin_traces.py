"""The permission to pin traces."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0029_edges_of_kept_spans")]
    operations = [
        migrations.AlterModelOptions(
            name="span",
            options={
                "default_permissions": ("view",),
                "managed": False,
                "permissions": (("pin_trace", "Can pin traces"),),
                "verbose_name": "span",
                "verbose_name_plural": "spans",
            },
        ),
    ]
