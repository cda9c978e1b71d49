"""Where telemetry comes from besides OTLP: scrape targets, browser keys, cloud accounts."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import apps.core.sealed
import apps.monitoring.models.browserkey
import apps.monitoring.models.probe
import apps.monitoring.models.scrape


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0012_sample_exemplars")]

    operations = [
        migrations.CreateModel(
            name="BrowserKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[\\w .:/-]+\\Z", "Use letters, digits, spaces and .:/-"
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        default=apps.monitoring.models.browserkey.new_browser_key,
                        editable=False,
                        max_length=40,
                        unique=True,
                        verbose_name="key",
                    ),
                ),
                (
                    "service",
                    models.CharField(
                        help_text="Everything sent with this key counts as this service, whatever it says.",
                        max_length=200,
                        verbose_name="service",
                    ),
                ),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            max_length=300,
                            validators=[apps.monitoring.models.browserkey.validate_origin],
                        ),
                        help_text="Pages that may send, separated by commas: https://shop.example",
                        size=20,
                        verbose_name="origins",
                    ),
                ),
                (
                    "attributes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        default=list,
                        help_text="Names of attributes to keep besides the usual ones of browsers.",
                        size=50,
                        verbose_name="further attributes",
                    ),
                ),
                (
                    "requests_a_minute",
                    models.PositiveIntegerField(
                        default=600,
                        help_text="Of all pages together. One address may send 60.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60000),
                        ],
                        verbose_name="requests a minute",
                    ),
                ),
                (
                    "most_series",
                    models.PositiveIntegerField(
                        default=200,
                        help_text="Of metrics, in an hour; further ones are refused.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(2000),
                        ],
                        verbose_name="most series",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "browser key",
                "verbose_name_plural": "browser keys",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="CloudAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[\\w .:/-]+\\Z", "Use letters, digits, spaces and .:/-"
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "provider",
                    models.CharField(
                        choices=[("cloudwatch", "Amazon CloudWatch")],
                        default="cloudwatch",
                        max_length=20,
                        verbose_name="provider",
                    ),
                ),
                (
                    "service",
                    models.CharField(
                        help_text="Whose figures these are.", max_length=200, verbose_name="service"
                    ),
                ),
                (
                    "region",
                    models.CharField(
                        max_length=40,
                        validators=[django.core.validators.RegexValidator("\\A[a-z0-9-]+\\Z")],
                        verbose_name="region",
                    ),
                ),
                (
                    "access_key_id",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Empty: the credentials of the machine, its profile or role.",
                        max_length=128,
                        verbose_name="access key ID",
                    ),
                ),
                (
                    "secret_access_key",
                    apps.core.sealed.SealedTextField(
                        default="",
                        editable=False,
                        purpose="monitoring.cloud",
                        verbose_name="secret access key",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
            ],
            options={
                "verbose_name": "cloud account",
                "verbose_name_plural": "cloud accounts",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ScrapeTarget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[\\w .:/-]+\\Z", "Use letters, digits, spaces and .:/-"
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "service",
                    models.CharField(
                        help_text="Whose figures these are: the name of the service, Prometheus' job.",
                        max_length=200,
                        verbose_name="service",
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        help_text="http:// or https://, mostly ending in /metrics. Redirects are not followed.",
                        max_length=2000,
                        validators=[apps.monitoring.models.probe.validate_probe_url],
                        verbose_name="address",
                    ),
                ),
                (
                    "interval_s",
                    models.FloatField(
                        default=15.0,
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="interval in seconds",
                    ),
                ),
                (
                    "timeout_s",
                    models.FloatField(
                        default=10.0,
                        validators=[
                            django.core.validators.MinValueValidator(0.1),
                            django.core.validators.MaxValueValidator(30),
                        ],
                        verbose_name="timeout in seconds",
                    ),
                ),
                (
                    "labels",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='Added to every series, for example {"region": "eu"}.',
                        validators=[apps.monitoring.models.scrape.validate_labels],
                        verbose_name="labels",
                    ),
                ),
                (
                    "sample_limit",
                    models.PositiveIntegerField(
                        default=20000,
                        help_text="An answer with more is refused whole.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(200000),
                        ],
                        verbose_name="most samples",
                    ),
                ),
                (
                    "native_histograms",
                    models.BooleanField(
                        default=False,
                        help_text="Ask for the protobuf format, the only one that carries them.",
                        verbose_name="native histograms",
                    ),
                ),
                (
                    "authorization",
                    apps.core.sealed.SealedTextField(
                        default="",
                        editable=False,
                        purpose="monitoring.scrape",
                        verbose_name="authorization",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
            ],
            options={
                "verbose_name": "scrape target",
                "verbose_name_plural": "scrape targets",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="CloudFigure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "figure",
                    models.CharField(
                        choices=[
                            ("cpu", "CPU in %"),
                            ("memory", "memory in %"),
                            ("response_time", "response time in s"),
                            ("error_rate", "error rate"),
                            ("request_count", "requests"),
                        ],
                        max_length=20,
                        verbose_name="figure",
                    ),
                ),
                (
                    "namespace",
                    models.CharField(help_text="AWS/ECS", max_length=255, verbose_name="namespace"),
                ),
                (
                    "metric",
                    models.CharField(
                        help_text="CPUUtilization", max_length=255, verbose_name="metric"
                    ),
                ),
                (
                    "divisor",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="For shares: the metric that counts all, such as RequestCount.",
                        max_length=255,
                        verbose_name="divided by",
                    ),
                ),
                (
                    "dimensions",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='{"ClusterName": "prod", "ServiceName": "shop"}',
                        validators=[apps.monitoring.models.scrape.validate_dimensions],
                        verbose_name="dimensions",
                    ),
                ),
                (
                    "statistic",
                    models.CharField(
                        choices=[
                            ("Average", "average"),
                            ("Sum", "sum"),
                            ("Minimum", "minimum"),
                            ("Maximum", "maximum"),
                        ],
                        default="Average",
                        max_length=10,
                        verbose_name="statistic",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="figures",
                        to="monitoring.cloudaccount",
                        verbose_name="cloud account",
                    ),
                ),
            ],
            options={
                "verbose_name": "cloud figure",
                "verbose_name_plural": "cloud figures",
                "ordering": ["account_id", "figure"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "figure"), name="one_figure_an_account"
                    )
                ],
            },
        ),
    ]
