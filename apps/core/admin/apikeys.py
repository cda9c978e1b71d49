"""API keys in the admin: made here, shown once, revoked here."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.core.models import ApiKey, Scope
from apps.core.services import apikeys

_SHOWN = ("key_name", "key_prefix", "scope_list", "tier", "expiry_date", "is_revoked")

if TYPE_CHECKING:
    _KeyForm = forms.ModelForm[ApiKey]
else:
    _KeyForm = forms.ModelForm


class ApiKeyForm(_KeyForm):
    """A new key."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "tier", "expiry_date")
        labels = {"name": _("name")}


class RevokedFilter(admin.BooleanFieldListFilter):
    """The package names its fields in English only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("revoked")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):  # type: ignore[misc]
    """Keys are made and revoked, never edited: what a program was given must stay what it is."""

    form = ApiKeyForm
    list_display = (
        "key_name", "key_prefix", "scope_list", "tier", "made_at", "expiry_date", "is_revoked",
    )  # fmt: skip
    list_filter = (("revoked", RevokedFilter), "tier")
    search_fields = ("name", "prefix")
    ordering = ("-created",)
    actions = ("revoke",)
    show_full_result_count = False

    @admin.display(description=_("name"), ordering="name")
    def key_name(self, key: ApiKey) -> str:
        return key.name

    @admin.display(description=_("prefix"), ordering="prefix")
    def key_prefix(self, key: ApiKey) -> str:
        return key.prefix

    @admin.display(description=_("created"), ordering="created")
    def made_at(self, key: ApiKey) -> datetime:
        return key.created

    @admin.display(description=_("revoked"), ordering="revoked", boolean=True)
    def is_revoked(self, key: ApiKey) -> bool:
        return key.revoked

    @admin.display(description=_("scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(str(Scope(scope).label) for scope in key.scopes)

    @admin.action(description=_("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        done = sum(apikeys.revoke(key.prefix) for key in queryset)
        self.message_user(request, _("%(n)d revoked.") % {"n": done}, messages.SUCCESS)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ApiKey | None:
        """None, and with it a redirect, for text that PostgreSQL would refuse as an id."""
        if "\0" in object_id:
            return None
        found: ApiKey | None = super().get_object(request, object_id, from_field)
        return found

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        made, secret = apikeys.create(obj.name, obj.scopes, obj.expiry_date, obj.tier)
        obj.pk, obj.prefix = made.pk, made.prefix
        self.message_user(
            request,
            _("The key is %(key)s. Store it now: it is not shown again.") % {"key": secret},
            messages.WARNING,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Sequence[str]:  # noqa: ARG002
        return () if obj is None else _SHOWN

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Sequence[str]:  # noqa: ARG002
        if obj is None:
            return ("name", "scopes", "tier", "expiry_date")
        return _SHOWN

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # The list needs it for the action; a single key is only looked at.
        return obj is None and super().has_change_permission(request, obj)
