"""The kernel's part of the API."""

from django.urls import include, path

from apps.core.api.schema import DocsView, SchemaView
from apps.core.health.views import DependenciesView, DetailedView

urlpatterns = [
    path("api/schema", SchemaView.as_view(), name="api-schema"),
    path("api/docs", DocsView.as_view(), name="api-docs"),
    path("health/detailed", DetailedView.as_view(), name="health-detailed"),
    path("health/dependencies", DependenciesView.as_view(), name="health-dependencies"),
    path("", include("apps.core.proposals.api.urls")),
]
