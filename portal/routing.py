"""The web sockets of the portal. The server calls these behind a session and an origin check."""

from django.urls import URLPattern, path

from apps.core.live.consumer import LiveConsumer
from apps.monitoring.api import log_tail
from portal.alerting import topic as alerting
from portal.incidents import topic as incidents
from portal.overview import topic
from portal.performance import topic as performance

topic.register()
performance.register()
alerting.register()
incidents.register()
log_tail.register()

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live", LiveConsumer.as_asgi()),
]
