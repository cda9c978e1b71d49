"""Puts the admin of Django and of libraries into the portal's skin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django_celery_beat.admin import ClockedScheduleAdmin as StockClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as StockCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as StockPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from rest_framework_api_key.models import APIKey as StockAPIKey
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.core.services import audit

for _model in (
    User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule,
):  # fmt: skip
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
# The portal's keys are apps.core's: a second list of keys that open nothing would only mislead.
if admin.site.is_registered(StockAPIKey):
    admin.site.unregister(StockAPIKey)


@admin.register(User)
class UserAdmin(StockUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """People."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def user_change_password(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """One transaction: the new password and its trace are stored together or not."""
        with transaction.atomic():
            return super().user_change_password(*args, **kwargs)


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups of people."""


class _TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    pass


class _PeriodicTaskForm(PeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = _TaskSelect()


def _described(action: str) -> str:
    words: str = getattr(StockPeriodicTaskAdmin, action).short_description
    return words


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(StockPeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    """What beat starts."""

    form = _PeriodicTaskForm
    # The stock form retells a crontab by an inline script; the field beside it tells it anyway.
    change_form_template = None
    date_hierarchy = None
    show_full_result_count = False

    @admin.action(description=_described("enable_tasks"), permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """The library's own, audited."""
        self._audited(request, queryset, "enable_tasks")

    @admin.action(description=_described("disable_tasks"), permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """The library's own, audited."""
        self._audited(request, queryset, "disable_tasks")

    @admin.action(description=_described("toggle_tasks"), permissions=["change"])
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """The library's own, audited."""
        self._audited(request, queryset, "toggle_tasks")

    @admin.action(description=_described("run_tasks"), permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """The library's own, audited: nothing is changed, much may follow."""
        for task in queryset:
            audit.record(request.user.get_username(), "periodictask.run", task.name)
        super().run_tasks(request, queryset)

    def _audited(self, request: HttpRequest, queryset: QuerySet[PeriodicTask], verb: str) -> None:
        # The library changes rows with one UPDATE, which sends no signal.
        with transaction.atomic():
            rows = dict(queryset.select_for_update(of=("self",)).values_list("pk", "enabled"))
            getattr(super(), verb)(request, queryset)
            for task in PeriodicTask.objects.filter(pk__in=rows):
                if task.enabled != rows[task.pk]:
                    audit.record(
                        request.user.get_username(), "periodictask.update", task.name,
                        {"enabled": rows[task.pk]}, {"enabled": task.enabled},
                    )  # fmt: skip


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):  # type: ignore[misc]
    """Every so often."""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(StockCrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    """At times of the clock."""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ModelAdmin):  # type: ignore[misc]
    """At sunrise and sunset."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(StockClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    """Once."""
