"""Every address of the portal outside the native ASGI handlers."""

from django.apps import apps
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from apps.core.api.errors import wants_json
from apps.monitoring.prometheus import endpoint as prometheus
from portal.login import login

handler400 = "apps.core.api.errors.bad_request"
handler403 = "apps.core.api.errors.permission_denied"
handler404 = "apps.core.api.errors.not_found"
handler500 = "apps.core.api.errors.server_error"

# The admin's own catch-all sends every unknown address to the login page; programs need a 404.
admin.site.final_catch_all_view = False


def unknown_admin_page(request: HttpRequest, url: str) -> HttpResponse:
    """The admin's catch-all (login, missing slash) for people, 404 for programs."""
    if wants_json(request):
        raise Http404
    return admin.site.admin_view(admin.site.catch_all_view)(request, url)


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("metrics", prometheus.view, name="metrics"),
    # In front of the admin's own, which asks no limit.
    path("admin/login/", login, name="login"),
    # Before the admin: these live below /admin/ too.
    path("", include("apps.core.api.urls")),
    path("", include("apps.monitoring.api.urls")),
    path("", include("apps.alerts.api.urls")),
]
if apps.is_installed("silk"):
    urlpatterns.append(path("admin/silk/", include("silk.urls", namespace="silk")))
urlpatterns += [
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("portal.face_urls")),
    path("admin/", admin.site.urls),
    re_path(r"^admin/(?P<url>.*)$", unknown_admin_page),
]
