"""App configuration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Audit the tables of Django and of libraries, keep connections of workers, and put the
        skin on a diet."""
        from portal import audit, working
        from portal.kit import once

        audit.install()
        working.install()
        once.install()
