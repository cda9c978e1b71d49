"""The kernel's part of the API."""

from django.urls import include, path

from apps.core.api.audit import AuditView
from apps.core.api.savedviews import ViewsView, ViewView
from apps.core.api.schema import DocsView, SchemaView
from apps.core.batch.views import BatchView
from apps.core.health.views import DependenciesView, DetailedView

urlpatterns = [
    path("admin/audit", AuditView.as_view(), name="audit"),
    path("batch", BatchView.as_view(), name="batch"),
    path("admin/views", ViewsView.as_view(), name="saved-views"),
    path("admin/views/<int:view_id>", ViewView.as_view(), name="saved-view"),
    path("api/schema", SchemaView.as_view(), name="api-schema"),
    path("api/docs", DocsView.as_view(), name="api-docs"),
    path("health/detailed", DetailedView.as_view(), name="health-detailed"),
    path("health/dependencies", DependenciesView.as_view(), name="health-dependencies"),
    path("", include("apps.core.proposals.api.urls")),
]
