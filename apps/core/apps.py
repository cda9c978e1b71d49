"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"
    verbose_name = _("Core")

    def ready(self) -> None:
        """Register checks, and put the kernel's own tables and all sign-ins under audit."""
        from apps.core import audited, checks, signins  # noqa: F401 (checks register)
        from apps.core.models import ApiKey, AutoApplyRule, LoopSwitch, SavedView
        from apps.core.proposals.services import waking
        from apps.core.services import apikeys

        # The id of a key holds its hash.
        audited.watch(
            ApiKey, "apikey", secret=["hashed_key"], ignore=["id"], target=apikeys.describe
        )
        audited.watch(AutoApplyRule, "autoapplyrule")
        audited.watch(SavedView, "savedview", ignore=["updated_at"])
        audited.watch(LoopSwitch, "loopswitch", ignore=["changed_at"])
        signins.install()
        waking.watch()
