"""Puts the admin of Django and of libraries into the portal's skin."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
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


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(StockPeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    """What beat starts."""

    form = _PeriodicTaskForm
    # The stock form retells a crontab by an inline script; the field beside it tells it anyway.
    change_form_template = None
    date_hierarchy = None
    show_full_result_count = False


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
