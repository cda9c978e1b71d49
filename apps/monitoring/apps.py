"""App configuration."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"
    label = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from apps.core.batch import inner
        from apps.core.ratelimit import limiter
        from apps.monitoring import auditing, checks, health, recorder
        from apps.monitoring.forward import switchboard
        from apps.monitoring.intake import committed
        from apps.monitoring.logexports import work as logwork
        from apps.monitoring.queries import coldlogs, logs

        post_migrate.connect(checks.make_partitions, sender=self)
        auditing.install()
        logs.tiers.append(coldlogs.tier)
        logs.elsewhere.append(coldlogs.line)
        if settings.PHAROS_FORWARD:
            committed.listen(switchboard.offer)
        recorder.install()
        limiter.listen(_count_limit)
        inner.prepare_headers(recorder.inject)
        health.install()
        logwork.watch()


def _count_limit(what: str, policy: Any) -> None:
    from apps.monitoring import recorder

    recorder.count(f"pharos.ratelimit.{what}", unit="{request}", attrs={"policy": policy.name})
