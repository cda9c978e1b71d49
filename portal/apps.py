"""App configuration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Put the tables of Django and of libraries under audit."""
        from portal import audit

        audit.install()
