"""Amazon CloudWatch by GetMetricData: all questions of a source in one call.

boto3 is optional (`pip install 'pharos[aws]'`). Without keys of its own a source uses AWS's chain:
variables, profile, role. The endpoint comes from AWS_ENDPOINT_URL_CLOUDWATCH alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from apps.monitoring.cloud.base import WINDOW_S, CloudError, Question

_TIMEOUT_S: Final = 5
_MOST_PAGES: Final = 5
_MENDS: Final = {
    "AccessDenied": "the role lacks cloudwatch:GetMetricData",
    "AccessDeniedException": "the role lacks cloudwatch:GetMetricData",
    "UnrecognizedClientException": "the credentials are unknown",
    "InvalidClientTokenId": "the credentials are unknown",
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    "Throttling": "it was asked too often",
}


@dataclass(frozen=True)
class CloudWatch:
    """One region, with keys of its own or those of the machine."""

    region: str
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)

    def read(
        self, questions: Sequence[Question], start: datetime, end: datetime
    ) -> Mapping[str, float | None]:
        """See CloudSource."""
        queries, parts = _queries(questions)
        values = self._asked(queries, start, end)
        return {
            question.figure: _answer(question, [values.get(name) for name in names])
            for question, names in zip(questions, parts, strict=True)
        }

    def _asked(
        self, queries: list[dict[str, Any]], start: datetime, end: datetime
    ) -> dict[str, float]:
        """The value of each query that has one."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise CloudError("CloudWatch needs boto3: pip install 'pharos[aws]'.") from None
        try:
            return _pages(self._client(), queries, start, end)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise CloudError(f"CloudWatch refused: {_MENDS.get(code, code)}.") from None
        except BotoCoreError as error:
            # Its class says what is missing: NoCredentialsError, NoRegionError, EndpointConnection…
            kind = type(error).__name__
            raise CloudError(
                f"CloudWatch cannot be asked ({kind}): check the region, the credentials and the"
                " network."
            ) from None

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        bounds = Config(
            connect_timeout=_TIMEOUT_S,
            read_timeout=_TIMEOUT_S,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        # A session of its own: the default one is shared by all threads and not safe to make.
        session = boto3.session.Session(
            aws_access_key_id=self.access_key_id or None,
            aws_secret_access_key=self.secret_access_key or None,
            region_name=self.region,
        )
        return session.client("cloudwatch", config=bounds)


def _queries(questions: Sequence[Question]) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """What to ask, and which ids belong to each question."""
    queries: list[dict[str, Any]] = []
    parts: list[list[str]] = []
    for question in questions:
        names = []
        for metric in filter(None, (question.metric, question.divisor)):
            name = f"q{len(queries)}"
            names.append(name)
            queries.append(
                {
                    "Id": name,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": question.namespace,
                            "MetricName": metric,
                            "Dimensions": [{"Name": k, "Value": v} for k, v in question.dimensions],
                        },
                        "Period": WINDOW_S,
                        "Stat": question.statistic,
                    },
                }
            )
        parts.append(names)
    return queries, parts


def _pages(
    client: Any, queries: list[dict[str, Any]], start: datetime, end: datetime
) -> dict[str, float]:
    found: dict[str, float] = {}
    token: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = client.get_metric_data(
            MetricDataQueries=queries, StartTime=start, EndTime=end,
            ScanBy="TimestampDescending", **token,
        )  # fmt: skip
        for result in page.get("MetricDataResults", ()):
            # By id, never by place: a metric without points may be left out of the answer.
            values = result.get("Values") or []
            usable = result.get("StatusCode", "Complete") in ("Complete", "PartialData")
            if values and usable:
                found.setdefault(str(result["Id"]), float(values[0]))
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}
    return found


def _answer(question: Question, values: list[float | None]) -> float | None:
    """The figure; None where any part of it is unknown, for missing is not zero."""
    if any(value is None for value in values):
        return None
    known = [value for value in values if value is not None]
    if not question.divisor:
        return known[0]
    return known[0] / known[1] if known[1] else None
