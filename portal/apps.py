"""App configuration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Put the tables of Django and of libraries under audit; keep connections of workers."""
        from portal import audit, working

        audit.install()
        working.install()
