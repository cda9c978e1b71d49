"""What is read from a cloud provider: the account, and its figures one by one."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.sealed import SealedTextField
from apps.monitoring.models.scrape import validate_dimensions


class CloudAccount(models.Model):
    """One region of one account."""

    class Provider(models.TextChoices):
        CLOUDWATCH = "cloudwatch", "Amazon CloudWatch"

    name = models.CharField(
        _("name"), max_length=100, unique=True,
        validators=[RegexValidator(r"\A[\w .:/-]+\Z", _("Use letters, digits, spaces and .:/-"))],
    )  # fmt: skip
    provider = models.CharField(
        _("provider"), max_length=20, choices=Provider.choices, default=Provider.CLOUDWATCH
    )
    service = models.CharField(
        _("service"), max_length=200, help_text=_("Whose figures these are.")
    )
    region = models.CharField(
        _("region"), max_length=40, validators=[RegexValidator(r"\A[a-z0-9-]+\Z")]
    )
    access_key_id = models.CharField(
        _("access key ID"), max_length=128, blank=True, default="",
        help_text=_("Empty: the credentials of the machine, its profile or role."),
    )  # fmt: skip
    secret_access_key = SealedTextField(
        purpose="monitoring.cloud", verbose_name=_("secret access key")
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("cloud account")
        verbose_name_plural = _("cloud accounts")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CloudFigure(models.Model):
    """One figure of an account, as an average of 300 s."""

    class Figure(models.TextChoices):
        CPU = "cpu", _("CPU in %")
        MEMORY = "memory", _("memory in %")
        RESPONSE_TIME = "response_time", _("response time in s")
        ERROR_RATE = "error_rate", _("error rate")
        REQUEST_COUNT = "request_count", _("requests")

    class Statistic(models.TextChoices):
        AVERAGE = "Average", _("average")
        SUM = "Sum", _("sum")
        MINIMUM = "Minimum", _("minimum")
        MAXIMUM = "Maximum", _("maximum")

    account = models.ForeignKey(
        CloudAccount, models.CASCADE, related_name="figures", verbose_name=_("cloud account")
    )
    figure = models.CharField(_("figure"), max_length=20, choices=Figure.choices)
    namespace = models.CharField(_("namespace"), max_length=255, help_text="AWS/ECS")
    metric = models.CharField(_("metric"), max_length=255, help_text="CPUUtilization")
    divisor = models.CharField(
        _("divided by"), max_length=255, blank=True, default="",
        help_text=_("For shares: the metric that counts all, such as RequestCount."),
    )  # fmt: skip
    dimensions = models.JSONField(
        _("dimensions"), default=dict, blank=True, validators=[validate_dimensions],
        help_text='{"ClusterName": "prod", "ServiceName": "shop"}',
    )  # fmt: skip
    statistic = models.CharField(
        _("statistic"), max_length=10, choices=Statistic.choices, default=Statistic.AVERAGE
    )

    class Meta:
        verbose_name = _("cloud figure")
        verbose_name_plural = _("cloud figures")
        ordering = ["account_id", "figure"]
        constraints = [
            models.UniqueConstraint(fields=["account", "figure"], name="one_figure_an_account")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.figure}"
