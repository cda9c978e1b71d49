"""Settings whose changes the audit trail keeps. Rules audit themselves, by version."""

from typing import Final

from apps.alerts import models
from apps.core import audited

_PLAIN: Final = (
    (models.Cap, "cap"),
    (models.ContactMethod, "contact_method"),
    (models.DeadMan, "deadman"),
    (models.Dependency, "dependency"),
    (models.EscalationPolicy, "escalation_policy"),
    (models.EscalationStep, "escalation_step"),
    (models.ForeignSource, "alertsource"),
    (models.Inhibition, "inhibition"),
    (models.Layer, "layer"),
    (models.LayerMember, "layer_member"),
    (models.MuteWindow, "mute_window"),
    (models.Override, "override"),
    (models.Receiver, "receiver"),
    (models.Route, "route"),
    (models.Schedule, "schedule"),
    (models.Silence, "silence"),
    (models.Swap, "swap"),
    (models.Team, "team"),
)


def watch() -> None:
    """Register them; what is sealed is named and never told."""
    audited.watch(
        models.Channel, "channel", secret=["sealed_target", "sealed_secret", "target_hash"]
    )
    audited.watch(models.PhoneAccount, "phoneaccount", secret=["sealed_secret"])
    audited.watch(models.StatusPage, "statuspage", secret=["token_hash"])
    audited.watch(models.StatusComponent, "statuscomponent", ignore=["health"])
    for model, noun in _PLAIN:
        audited.watch(model, noun)
