"""Which alerts explain others: inhibitions by labels, dependencies between services."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import matchers
from apps.alerts.matchers import Matcher, all_match
from apps.core.errors import InvalidInputError


def asks_for_something(value: Any) -> None:
    """Raises ValidationError for matchers nobody can read, or that match every alert."""
    try:
        found = matchers.from_json(value)
    except InvalidInputError as error:
        raise ValidationError(str(error.words)) from error
    if all_match(found, {}):
        raise ValidationError(
            _("These matchers match every alert; at least one must ask for a label with a value.")
        )


class Inhibition(models.Model):
    """While a source fires, targets that share the equal labels with it do not page."""

    name = models.CharField(_("name"), max_length=200)
    stored_sources = models.JSONField(
        _("sources"), validators=[asks_for_something], help_text=_("Alerts that explain others.")
    )
    stored_targets = models.JSONField(
        _("targets"), validators=[asks_for_something], help_text=_("Alerts that are explained.")
    )
    equal = ArrayField(
        models.CharField(max_length=255), verbose_name=_("equal labels"), default=list, blank=True,
        size=10, help_text=_("Source and target must agree on these; on one of them not empty."),
    )  # fmt: skip
    everywhere = models.BooleanField(
        _("everywhere"),
        default=False,
        help_text=_("Source and target need not share any label. One source then mutes them all."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("inhibition")
        verbose_name_plural = _("inhibitions")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse one that forgot its equal labels: it would mute alerts that are strangers."""
        super().clean()
        if not self.equal and not self.everywhere:
            raise ValidationError(
                {"equal": _("Name at least one equal label, or say that it holds everywhere.")}
            )

    @property
    def sources(self) -> tuple[Matcher, ...]:
        """What a source fulfils. Raises InvalidInputError."""
        return matchers.from_json(self.stored_sources)

    @property
    def targets(self) -> tuple[Matcher, ...]:
        """What a target fulfils. Raises InvalidInputError."""
        return matchers.from_json(self.stored_targets)


class Dependency(models.Model):
    """A service that cannot be well while its parent is not."""

    child = models.CharField(_("service"), max_length=255)
    parent = models.CharField(_("depends on"), max_length=255)
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("dependency")
        verbose_name_plural = _("dependencies")
        ordering = ["child", "parent"]
        constraints = [
            models.UniqueConstraint(fields=["child", "parent"], name="alerts_dependency_once"),
            models.CheckConstraint(
                condition=~models.Q(child=models.F("parent")),
                name="alerts_dependency_not_on_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.child} → {self.parent}"
