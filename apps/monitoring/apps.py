"""App configuration."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"
    label = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from apps.core import audited
        from apps.core.batch import inner
        from apps.core.ratelimit import limiter
        from apps.monitoring import checks, health, recorder
        from apps.monitoring.models import (
            BrowserKey,
            CloudAccount,
            CloudFigure,
            Probe,
            ScrapeTarget,
        )

        post_migrate.connect(checks.make_partitions, sender=self)
        audited.watch(Probe, "probe")
        audited.watch(ScrapeTarget, "scrapetarget", secret=["authorization"])
        audited.watch(BrowserKey, "browserkey")
        audited.watch(CloudAccount, "cloudaccount", secret=["secret_access_key"])
        audited.watch(CloudFigure, "cloudfigure")
        recorder.install()
        limiter.listen(_count_limit)
        inner.prepare_headers(recorder.inject)
        health.install()


def _count_limit(what: str, policy: Any) -> None:
    from apps.monitoring import recorder

    recorder.count(f"pharos.ratelimit.{what}", unit="{request}", attrs={"policy": policy.name})
