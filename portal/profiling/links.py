"""From a trace to the profile of its request."""

from uuid import UUID

from django.apps import apps
from django.urls import reverse


def profile_url(trace_id: UUID) -> str:
    """The profile's page; "" when there is none, and at no cost while profiling is off."""
    if not apps.is_installed("silk"):
        return ""
    from silk.models import Request

    if not Request.objects.filter(pk=str(trace_id)).exists():
        return ""
    return reverse("silk:request_detail", args=[trace_id])
