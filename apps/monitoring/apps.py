"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"
    label = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from apps.core import audited
        from apps.monitoring import checks, health, recorder
        from apps.monitoring.models import Probe

        post_migrate.connect(checks.make_partitions, sender=self)
        audited.watch(Probe, "probe")
        recorder.install()
        health.install()
