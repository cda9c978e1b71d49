"""The alert engine in the admin."""

from apps.alerts.admin.channels import ChannelAdmin
from apps.alerts.admin.episodes import EpisodeAdmin
from apps.alerts.admin.incidents import ForeignSourceAdmin, StatusPageAdmin
from apps.alerts.admin.notifications import NotificationAdmin
from apps.alerts.admin.rules import RuleAdmin

__all__ = [
    "ChannelAdmin",
    "EpisodeAdmin",
    "ForeignSourceAdmin",
    "NotificationAdmin",
    "RuleAdmin",
    "StatusPageAdmin",
]
