"""Saved views: a page's query string under a name."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SavedView(models.Model):
    """One view of one page. The address stays the permalink; this only remembers it."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="saved_views",
        verbose_name=_("owner"),
    )
    page = models.CharField(_("page"), max_length=200)
    name = models.CharField(_("name"), max_length=80)
    query = models.CharField(_("query string"), max_length=2048, blank=True)
    shared = models.BooleanField(_("shared"), default=False)
    pinned = models.BooleanField(_("default"), default=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="savedview_name"),
            models.UniqueConstraint(
                fields=["owner", "page"], condition=models.Q(pinned=True), name="savedview_default"
            ),
        ]
        indexes = [models.Index(fields=["page", "name"], name="savedview_by_page")]

    def __str__(self) -> str:
        return self.name
