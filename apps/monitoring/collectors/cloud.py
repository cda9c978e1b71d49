"""Figures of cloud accounts: the averages of the last settled 300 s, unknown where there are none.

Off until somebody adds an account. The provider is asked through the port in `monitoring.cloud`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from apps.core.sealed import Secret
from apps.core.vault import SealBrokenError
from apps.monitoring.cloud.base import WINDOW_S, CloudError, CloudSource, Question, last_window
from apps.monitoring.cloud.cloudwatch import CloudWatch
from apps.monitoring.collectors.base import CollectError, Collector, Reading, gauge
from apps.monitoring.models import CloudAccount
from apps.monitoring.store.rows import Metric, Resource, Sample, Series

_MOST_ACCOUNTS: Final = 50
METRICS: Final[dict[str, Metric]] = {
    "cpu": gauge("cloud.cpu.utilization", "%"),
    "memory": gauge("cloud.memory.utilization", "%"),
    "response_time": gauge("cloud.response.duration", "s"),
    "error_rate": gauge("cloud.error.ratio", "1"),
    "request_count": gauge("cloud.requests", "{request}"),
}


@dataclass(frozen=True)
class Cloud(Collector, kind="cloud"):
    """One account."""

    interval_s: float = float(WINDOW_S)
    timeout_s: float = 20.0
    service: str = "unknown_service"
    region: str = ""
    access_key_id: str = field(default="", repr=False)
    secret: Secret | None = field(default=None, repr=False)
    questions: tuple[Question, ...] = ()

    @classmethod
    def configured(cls) -> "Iterable[Cloud]":
        accounts = CloudAccount.objects.filter(enabled=True).prefetch_related("figures")
        for account in accounts.order_by("pk")[:_MOST_ACCOUNTS]:
            questions = tuple(
                Question(
                    one.figure, one.namespace, one.metric, tuple(sorted(one.dimensions.items())),
                    one.statistic, one.divisor,
                )
                for one in account.figures.all()
            )  # fmt: skip
            if questions:
                yield cls(
                    target=account.name, service=account.service, region=account.region,
                    access_key_id=account.access_key_id, secret=account.secret_access_key,
                    questions=questions,
                )  # fmt: skip

    def resource(self) -> Resource:
        return Resource(
            {
                "service.name": self.service,
                "service.instance.id": f"cloud:{self.target}",
                "cloud.provider": "aws",
                "cloud.region": self.region,
            }
        )

    def source(self) -> CloudSource:
        """The provider's adapter. Raises CollectError."""
        try:
            secret = self.secret.reveal() if self.secret else ""
        except SealBrokenError:
            raise CollectError("Its secret was sealed with another key.") from None
        return CloudWatch(self.region, self.access_key_id, secret)

    def read(self) -> Reading:
        start, end = last_window(datetime.now(UTC))
        try:
            values = self.source().read(self.questions, start, end)
        except CloudError as error:
            raise CollectError(str(error)) from error
        resource = self.resource()
        time_ns = int(end.timestamp()) * 1_000_000_000
        rows = [
            Sample(Series(METRICS[figure], resource, {}), time_ns, value)
            for figure, value in values.items()
            if value is not None
        ]
        unknown = [figure for figure, value in values.items() if value is None]
        detail = f"{len(rows)} of {len(self.questions)} figures"
        if unknown:
            detail += f"; unknown: {', '.join(unknown)}"
        return Reading(detail=detail, samples=rows)
