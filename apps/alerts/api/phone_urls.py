"""The notification log, and what telephones and their providers call."""

from django.urls import path

from apps.alerts.api import hooks
from apps.alerts.api import notification_views as views

urlpatterns = [
    path("admin/alerts/notifications", views.NotificationsView.as_view(), name="notifications"),
    path(
        "admin/alerts/notifications/<int:pk>", views.NotificationView.as_view(),
        name="notification",
    ),
    path(
        "admin/alerts/notifications/<int:pk>/resend", views.ResendView.as_view(),
        name="notification-resend",
    ),
    path("alerts/receipts/<slug:provider>/<str:token>", hooks.receipt, name="receipt"),
    path("a/<str:letters>", hooks.short_link, name="short-link"),
]  # fmt: skip
