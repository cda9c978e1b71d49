"""What people decide about keeping: which traces are of interest, and what must not go."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

_MOST_RULES = 20


class SamplingPolicy(models.Model):
    """Which traces stay when the hot time of their day is over. At most one is on."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    enabled = models.BooleanField(_("enabled"), default=False, editable=False)
    hot_h = models.PositiveIntegerField(
        _("hours in which everything stays"), default=72,
        validators=[MinValueValidator(24), MaxValueValidator(720)],
    )  # fmt: skip
    keep_days = models.PositiveIntegerField(
        _("days that kept traces stay"), default=90,
        validators=[MinValueValidator(2), MaxValueValidator(3650)],
    )  # fmt: skip
    keep_errors = models.BooleanField(_("keep traces with an error"), default=True)
    slow_quantile = models.FloatField(
        _("slow beyond this quantile of the route's hour"), default=0.99, null=True, blank=True,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.9999)],
        help_text=_("0.99 keeps the slowest hundredth of each route. Empty: none."),
    )  # fmt: skip
    slow_ms = models.PositiveIntegerField(
        _("slow from so many milliseconds on"), default=1000, null=True, blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(86_400_000)],
    )  # fmt: skip
    keep_first_seen = models.BooleanField(
        _("keep the first trace of a new operation"), default=True
    )
    attributes = models.TextField(
        _("keep spans with attributes"), blank=True, default="",
        help_text=_("One a line: `key` for any value, or `key=value`."),
    )  # fmt: skip
    share = models.FloatField(
        _("share of all others"), default=0.05,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("0.05 keeps every twentieth trace; each then counts for twenty."),
    )  # fmt: skip
    previewed_at = models.DateTimeField(_("previewed at"), null=True, editable=False)
    preview = models.JSONField(_("preview"), null=True, editable=False)
    # What the preview was made of: other values need another one.
    preview_of = models.CharField(max_length=64, default="", editable=False)

    class Meta:
        verbose_name = _("sampling policy")
        verbose_name_plural = _("sampling policies")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["enabled"], condition=models.Q(enabled=True), name="one_sampling_policy_on"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what is kept shorter than it is hot, and lines that are no rule."""
        mistakes: dict[str, Any] = {}
        if self.keep_days * 24 <= self.hot_h:
            mistakes["keep_days"] = _("Kept traces must stay longer than the hot time.")
        rules = self.attributes.splitlines()
        if len(rules) > _MOST_RULES or any(len(rule) > 500 or "\0" in rule for rule in rules):
            mistakes["attributes"] = _("At most 20 lines of 500 letters.")
        elif any(rule.strip().startswith("=") for rule in rules):
            mistakes["attributes"] = _("A line begins with the name of an attribute.")
        if mistakes:
            raise ValidationError(mistakes)

    @property
    def rules(self) -> tuple[tuple[str, str | None], ...]:
        """Keys and values of `attributes`; None for any value."""
        found = []
        for line in self.attributes.splitlines():
            key, equals, value = line.strip().partition("=")
            if key:
                found.append((key.strip(), value.strip() if equals else None))
        return tuple(found)


class LegalHold(models.Model):
    """Spans and log lines that must not be deleted, whatever retention says."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    service = models.CharField(
        _("service"), max_length=255, blank=True, default="", help_text=_("Empty: every service.")
    )
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("to"))
    reason = models.TextField(_("reason"), max_length=2000)
    active = models.BooleanField(
        _("active"), default=True,
        help_text=_("A hold that is over is switched off, not deleted: its history stays."),
    )  # fmt: skip
    created_by = models.CharField(_("created by"), max_length=255, editable=False, default="")
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="legal_hold_has_a_range"
            )
        ]

    def __str__(self) -> str:
        return self.name


class LogArchive(models.Model):
    """One day of log lines in a file of the archive."""

    day = models.DateField(_("day"), primary_key=True)
    file = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.BigIntegerField(_("size in bytes"))
    lines = models.BigIntegerField(_("lines"))
    # Which services speak in it: a hold on one of them keeps the file.
    services = models.JSONField(_("services"), default=list)
    archived_at = models.DateTimeField(_("archived at"))
    # Until then its lines are searchable once more.
    restored_until = models.DateTimeField(_("restored until"), null=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True)

    class Meta:
        verbose_name = _("archived day of logs")
        verbose_name_plural = _("archived days of logs")
        ordering = ["-day"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
