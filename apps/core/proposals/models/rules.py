"""What operators allow: kinds that apply by themselves, and whether anything does."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class AutoApplyRule(models.Model):
    """LOW proposals of this kind, on targets like this, need nobody's approval."""

    kind = models.CharField(_("kind"), max_length=64)
    pattern = models.CharField(
        _("targets"),
        max_length=300,
        default="*",
        help_text=_("A pattern: * stands for anything, ? for one character."),
    )
    enabled = models.BooleanField(_("allowed"), default=False)
    created_by = models.CharField(_("created by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("automatic change")
        verbose_name_plural = _("automatic changes")
        ordering = ["kind", "pattern"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "pattern"], name="core_autoapplyrule_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.pattern}"


class LoopSwitch(models.Model):
    """The emergency stop. No row means that applying is on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    stopped = models.BooleanField(_("applying is stopped"), default=False)
    reason = models.TextField(_("reason"), blank=True)
    changed_by = models.CharField(_("changed by"), max_length=150, blank=True)
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("emergency stop")
        verbose_name_plural = _("emergency stop")
        default_permissions = ("change", "view")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="core_loopswitch_single")
        ]

    def __str__(self) -> str:
        return str(_("stopped") if self.stopped else _("on"))
