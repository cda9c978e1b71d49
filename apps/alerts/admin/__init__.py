"""The alert engine in the admin."""

from apps.alerts.admin.channels import ChannelAdmin
from apps.alerts.admin.episodes import EpisodeAdmin
from apps.alerts.admin.notifications import NotificationAdmin
from apps.alerts.admin.phones import DeadManAdmin, PhoneAccountAdmin
from apps.alerts.admin.rules import RuleAdmin

__all__ = [
    "ChannelAdmin",
    "DeadManAdmin",
    "EpisodeAdmin",
    "NotificationAdmin",
    "PhoneAccountAdmin",
    "RuleAdmin",
]
