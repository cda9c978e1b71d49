"""Addresses of the on-call API."""

from django.urls import path

from apps.alerts.api import oncall_views as views
from apps.alerts.api.calendar_feed import calendar_feed

urlpatterns = [
    path("oncall/calendar.ics", calendar_feed, name="calendar-feed"),
    path("admin/alerts/schedules", views.SchedulesView.as_view(), name="schedule-list"),
    path("admin/alerts/on-call", views.OnCallView.as_view(), name="on-call-now"),
    path("admin/alerts/schedules/<int:schedule>/shifts", views.ShiftsView.as_view(), name="shifts"),
    path(
        "admin/alerts/schedules/<int:schedule>/overrides",
        views.OverridesView.as_view(),
        name="overrides",
    ),
    path("admin/alerts/overrides/<int:override>", views.OverrideView.as_view(), name="override"),
]
