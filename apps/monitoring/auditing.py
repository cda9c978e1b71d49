"""Which of monitoring's tables leave an audit entry with every change."""

from apps.core.audited import watch


def install() -> None:
    """Watch what people set up. Called when Django is ready."""
    from apps.monitoring.models import (
        BrowserKey,
        CloudAccount,
        CloudFigure,
        Deployment,
        Destination,
        DropRule,
        LegalHold,
        Objective,
        Probe,
        SamplingPolicy,
        ScrapeTarget,
    )

    watch(Probe, "probe")
    watch(Deployment, "deployment")
    watch(Objective, "objective")
    watch(DropRule, "droprule")
    watch(
        Destination, "destination", secret=["credentials"],
        ignore=["last_ok_at", "last_error_at", "last_error", "minutes_until"],
    )  # fmt: skip
    watch(LegalHold, "legalhold")
    watch(SamplingPolicy, "samplingpolicy", ignore=["preview", "preview_of", "previewed_at"])
    watch(ScrapeTarget, "scrapetarget", secret=["authorization"])
    watch(BrowserKey, "browserkey")
    watch(CloudAccount, "cloudaccount", secret=["secret_access_key"])
    watch(CloudFigure, "cloudfigure")
