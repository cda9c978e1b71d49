"""CloudWatch through the port: five answers, and what is missing stays unknown."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.monitoring.cloud.base import CloudError, Question, last_window
from apps.monitoring.cloud.cloudwatch import CloudWatch
from apps.monitoring.collectors import running
from apps.monitoring.collectors.cloud import METRICS, Cloud
from apps.monitoring.models import CloudAccount
from tests.monitoring.collectors.conftest import rows, store, values

__all__ = ["rows", "store", "values"]

START = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
FIVE = {
    "cpu": ("AWS/ECS", "CPUUtilization", "", "Average"),
    "memory": ("AWS/ECS", "MemoryUtilization", "", "Average"),
    "response_time": ("AWS/ApplicationELB", "TargetResponseTime", "", "Average"),
    "error_rate": ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "RequestCount", "Sum"),
    "request_count": ("AWS/ApplicationELB", "RequestCount", "", "Sum"),
}


def questions():
    return [
        Question(figure, namespace, metric, (("ServiceName", "shop"),), statistic, divisor)
        for figure, (namespace, metric, divisor, statistic) in FIVE.items()
    ]


def ask(**keys):
    return CloudWatch("eu-central-1", **keys).read(
        questions(), START, START + timedelta(seconds=300)
    )


ALL = {
    "CPUUtilization": [41.5, 40.0], "MemoryUtilization": [63.0], "TargetResponseTime": [0.125],
    "HTTPCode_Target_5XX_Count": [5.0], "RequestCount": [1000.0],
}  # fmt: skip


def test_five_questions_are_one_call_and_five_answers(cloudwatch):
    cloudwatch.values = ALL
    assert ask() == {
        "cpu": 41.5, "memory": 63.0, "response_time": 0.125, "error_rate": 0.005,
        "request_count": 1000.0,
    }  # fmt: skip
    ((headers, asked),) = cloudwatch.asked
    assert "AKIAMACHINE" in headers["Authorization"]
    assert asked["EndTime"] - asked["StartTime"] == 300
    stat = asked["MetricDataQueries"][0]["MetricStat"]
    assert (stat["Period"], stat["Stat"]) == (300, "Average")
    assert stat["Metric"]["Dimensions"] == [{"Name": "ServiceName", "Value": "shop"}]


@pytest.mark.parametrize("way", ["empty", "absent", "forbidden"])
def test_what_is_missing_is_unknown_and_moves_no_other_answer(cloudwatch, way):
    cloudwatch.values = {k: v for k, v in ALL.items() if k != "CPUUtilization"}
    if way == "absent":
        cloudwatch.absent = {"CPUUtilization", "HTTPCode_Target_5XX_Count"}
    if way == "forbidden":
        cloudwatch.status_code = "Forbidden"
    found = ask()
    assert found["cpu"] is None
    assert found["memory"] == (None if way == "forbidden" else 63.0)
    assert found["error_rate"] == {"empty": 0.005}.get(way)


def test_nothing_is_divided_by_nothing(cloudwatch):
    cloudwatch.values = ALL | {"RequestCount": [0.0], "HTTPCode_Target_5XX_Count": [0.0]}
    found = ask()
    assert found["error_rate"] is None
    assert found["request_count"] == 0.0


def test_further_pages_are_read_within_a_bound(cloudwatch):
    cloudwatch.values, cloudwatch.pages = ALL, 3
    assert ask()["cpu"] == 41.5
    cloudwatch.pages = 1000
    assert ask()["cpu"] is None
    assert len(cloudwatch.asked) == 8


@pytest.mark.parametrize(
    ("code", "words"), [("AccessDeniedException", "GetMetricData"), ("Odd", "Odd")]
)
def test_a_refusal_says_what_to_do(cloudwatch, code, words):
    cloudwatch.refusal = (code, 400)
    with pytest.raises(CloudError, match=words):
        ask()


def test_without_credentials_nothing_is_asked(cloudwatch, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(CloudError, match="NoCredentialsError"):
        ask()
    assert cloudwatch.asked == []


def test_the_window_is_the_last_whole_one_that_has_settled():
    noon = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
    assert last_window(noon) == (START - timedelta(seconds=600), START - timedelta(seconds=300))
    later = noon + timedelta(seconds=31)
    assert last_window(later) == (START - timedelta(seconds=300), START)


def test_an_account_is_read_with_its_own_sealed_key(cloudwatch, store, rows, values):
    assert list(Cloud.configured()) == []
    account = CloudAccount.objects.create(
        name="prod", service="shop", region="eu-central-1", access_key_id="AKIAOWN",
        secret_access_key="hush-hush",
    )  # fmt: skip
    for figure, (namespace, metric, divisor, statistic) in FIVE.items():
        account.figures.create(
            figure=figure, namespace=namespace, metric=metric, divisor=divisor,
            statistic=statistic, dimensions={"ServiceName": "shop"},
        )  # fmt: skip
    cloudwatch.values = {k: v for k, v in ALL.items() if k != "MemoryUtilization"}
    (result,) = running.collect(Cloud.configured)
    assert (result.status, result.error) == ("ok", "")
    assert result.detail == "4 of 5 figures; unknown: memory"
    assert values(METRICS["cpu"].name) == [41.5]
    assert values(METRICS["error_rate"].name) == [0.005]
    assert values(METRICS["memory"].name) == []
    assert "AKIAOWN" in cloudwatch.asked[0][0]["Authorization"]
    assert "hush" not in repr((rows("SELECT * FROM monitoring_cloudaccount"), result, account))
    account.enabled = False
    account.save()
    assert list(Cloud.configured()) == []
