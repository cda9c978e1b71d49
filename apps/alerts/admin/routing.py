"""Receivers, the tree of routes, and groups."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminNullBooleanSelectWidget, UnfoldAdminTextInputWidget

from apps.alerts import matchers
from apps.alerts.admin.base import ReadOnlyAdmin, ReadOnlyInline, column
from apps.alerts.admin.matcher_field import MatchersField
from apps.alerts.models import AlertGroup, GroupMember, Receiver, Route
from apps.alerts.routing import enrol_open, sanity, words
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    _RouteForm = forms.ModelForm[Route]
else:
    _RouteForm = forms.ModelForm


class _Inherited(UnfoldAdminNullBooleanSelectWidget):  # type: ignore[misc]
    """Yes, no, or as the parent has it."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.choices = [("unknown", _("Inherited")), ("true", _("Yes")), ("false", _("No"))]


class RouteForm(_RouteForm):
    """Empty options are inherited."""

    stored_matchers = MatchersField(required=False)
    group_by = SimpleArrayField(
        forms.CharField(max_length=255),
        label=_("One message per"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Label names with commas between; ... stands for every label."),
    )

    class Meta:
        model = Route
        fields = (
            "name", "parent", "position", "stored_matchers", "goes_on", "receiver", "group_by",
            "group_wait_s", "group_interval_s", "repeat_interval_s", "critical_at_once", "enabled",
        )  # fmt: skip
        widgets = {"critical_at_once": _Inherited}

    def clean_group_by(self) -> list[str] | None:
        """Nothing typed means: as the parent has it."""
        return self.cleaned_data["group_by"] or None


@admin.register(Receiver)
class ReceiverAdmin(ModelAdmin):  # type: ignore[misc]
    """Who is told."""

    why_empty = _("No receiver exists: alerts are told only to the channels of their rules.")
    show_full_result_count = False
    list_per_page = 50
    list_display = ("name", "channels_shown", "policy", "send_resolved")
    list_select_related = ("policy",)
    search_fields = ("name",)
    autocomplete_fields = ("channels",)
    fields = ("name", "channels", "policy", "send_resolved")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receiver]:
        """With the channels of all rows in one query."""
        rows: QuerySet[Receiver] = super().get_queryset(request)
        return rows.prefetch_related("channels")

    @column(description=_("Channels"))
    def channels_shown(self, row: Receiver) -> str:
        """By name."""
        return ", ".join(channel.name for channel in row.channels.all()) or "–"

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool,  # noqa: FBT001
    ) -> None:  # fmt: skip
        """Say what is hardly meant, and let what fires be told to the new channels."""
        super().save_related(request, form, formsets, change)
        for text in sanity.warnings(form.instance):
            self.message_user(request, text, messages.WARNING)


@admin.register(Route)
class RouteAdmin(ModelAdmin):  # type: ignore[misc]
    """The tree, one row a route; the page Routing shows it as a tree."""

    form = RouteForm
    show_full_result_count = False
    list_per_page = 100
    list_display = (
        "name", "parent", "matchers_shown", "receiver", "position", "goes_on", "enabled",
    )  # fmt: skip
    ordering = (F("parent").asc(nulls_first=True), "position", "name")
    list_select_related = ("parent", "receiver")
    list_filter = ("enabled",)
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "parent", "position", "enabled")}),
        (_("What comes in here"), {"fields": ("stored_matchers", "goes_on")}),
        (_("Who is told"), {"fields": ("receiver",)}),
        (
            _("When; empty is inherited"),
            {
                "fields": (
                    "group_by", "group_wait_s", "group_interval_s", "repeat_interval_s",
                    "critical_at_once",
                )
            },
        ),
    )  # fmt: skip

    @column(description=_("Matchers"))
    def matchers_shown(self, row: Route) -> str:
        """As typed."""
        try:
            return matchers.in_words(row.matchers) or "–"
        except InvalidInputError as error:
            return str(error)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The root stays."""
        if obj is not None and obj.parent_id is None:
            return False
        return bool(super().has_delete_permission(request, obj))

    def save_model(self, request: Any, obj: Route, form: Any, change: Any) -> None:
        """What fires now is led anew, too."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            enrol_open()

    def delete_model(self, request: HttpRequest, obj: Route) -> None:
        """What came here goes on elsewhere."""
        with transaction.atomic():
            super().delete_model(request, obj)
            enrol_open()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Route]) -> None:
        """The same for many; the root stays."""
        with transaction.atomic():
            super().delete_queryset(request, queryset.exclude(parent__isnull=True))
            enrol_open()


class MemberInline(ReadOnlyInline):
    model = GroupMember
    verbose_name_plural = _("Alerts")
    fields = readonly_fields = (
        "episode_shown", "joined_at", "told_at", "told_severity", "told_end_at", "verdict_shown",
    )  # fmt: skip
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GroupMember]:
        """With the episodes of all rows in one query."""
        rows: QuerySet[GroupMember] = super().get_queryset(request)
        return rows.select_related("episode")

    @column(description=_("Verdict"))
    def verdict_shown(self, row: GroupMember) -> str:
        """What the last flush decided, in words."""
        _verdict, reason, by = (*row.verdict.split(":", 2), "", "")[:3]
        return f"{words.what(reason)}: {by}" if by else str(words.what(reason))

    @column(description=_("Episode"))
    def episode_shown(self, row: GroupMember) -> str:
        """Leads to why it was told, or not."""
        address = reverse("alert-why", args=[row.episode_id])
        return format_html('<a href="{}">{}</a>', address, row.episode.rule_name)


@admin.register(AlertGroup)
class AlertGroupAdmin(ReadOnlyAdmin):
    """Alerts that share their messages."""

    why_empty = _("No alert was routed yet.")
    list_display = (
        "shown", "route", "receiver", "rule", "firing", "next_flush_at", "last_sent_at",
    )  # fmt: skip
    list_select_related = ("route", "receiver", "rule")
    list_filter = ("receiver",)
    inlines = (MemberInline,)
    fields = (
        "shown", "route", "receiver", "rule", "created_at", "next_flush_at", "last_flush_at",
        "last_sent_at", "flush_seq", "life", "failing_since", "last_error",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertGroup]:
        """With how many alerts each holds."""
        rows: QuerySet[AlertGroup] = super().get_queryset(request)
        return rows.annotate(holds=Count("members", filter=Q(members__cleared_at__isnull=True)))

    @column(description=_("Group"))
    def shown(self, row: AlertGroup) -> str:
        """The labels all its alerts share."""
        return str(row)

    @column(description=_("Alerts"))
    def firing(self, row: Any) -> int:
        """How many it holds now."""
        return int(row.holds)
