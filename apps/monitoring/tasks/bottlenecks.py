"""Looking for bottlenecks on the beat."""

from celery import shared_task

from apps.monitoring.bottlenecks import deploys, walk
from apps.monitoring.recorder import suppressed
from apps.monitoring.services import bottlenecks


@shared_task(name="apps.monitoring.tasks.find_bottlenecks", ignore_result=True)
def find_bottlenecks() -> None:
    """Examine minutes with new spans; what does not fit into this run is left to the next."""
    with suppressed():
        walk.walk()
        bottlenecks.settle()


@shared_task(name="apps.monitoring.tasks.watch_deployments", ignore_result=True)
def watch_deployments() -> None:
    """Find routes that are slower since a deployment."""
    with suppressed():
        deploys.watch()


@shared_task(name="apps.monitoring.tasks.prune_bottlenecks", ignore_result=True)
def prune_bottlenecks() -> None:
    """Delete what is older than its retention."""
    with suppressed():
        bottlenecks.prune()
