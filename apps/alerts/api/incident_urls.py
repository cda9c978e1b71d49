"""Addresses of the incident API."""

from django.urls import path

from apps.alerts.api import incident_work_views as work
from apps.alerts.api.incident_views import (
    CreateIncidentView,
    IncidentsView,
    IncidentView,
    MeansView,
)

_ONE = "admin/incidents/<int:number>"
urlpatterns = [
    path("admin/incidents", IncidentsView.as_view(), name="incident-list"),
    path("admin/incidents/create", CreateIncidentView.as_view(), name="incident-create"),
    path("admin/incidents/figures", MeansView.as_view(), name="incident-figures"),
    path(_ONE, IncidentView.as_view(), name="incident-data"),
    path(f"{_ONE}/status", work.StatusView.as_view(), name="incident-status"),
    path(f"{_ONE}/comments", work.CommentsView.as_view(), name="incident-comments"),
    path(f"{_ONE}/comments/<int:event>/strike", work.StrikeView.as_view(), name="incident-strike"),
    path(f"{_ONE}/tasks", work.TasksView.as_view(), name="incident-tasks"),
    path(f"{_ONE}/tasks/<int:task>/settle", work.TaskView.as_view(), name="incident-task"),
    path(f"{_ONE}/links", work.LinksView.as_view(), name="incident-links"),
    path(f"{_ONE}/episodes", work.LinkedEpisodesView.as_view(), name="incident-episodes"),
    path(f"{_ONE}/roles", work.RolesView.as_view(), name="incident-roles"),
    path(f"{_ONE}/merge", work.MergeView.as_view(), name="incident-merge"),
    path(f"{_ONE}/timeline", work.TimelineView.as_view(), name="incident-timeline"),
    path(f"{_ONE}/postmortem", work.PostMortemView.as_view(), name="incident-postmortem"),
]
