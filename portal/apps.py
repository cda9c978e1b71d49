"""App configuration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Put the tables of Django and of libraries under audit, and the skin on a diet."""
        from portal import audit
        from portal.kit import once

        audit.install()
        once.install()
