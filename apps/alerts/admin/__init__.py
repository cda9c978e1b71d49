"""The alert engine in the admin."""

from apps.alerts.admin.channels import ChannelAdmin
from apps.alerts.admin.episodes import EpisodeAdmin
from apps.alerts.admin.escalation import EscalationAdmin, EscalationPolicyAdmin, PolicyFaultAdmin
from apps.alerts.admin.notifications import NotificationAdmin
from apps.alerts.admin.oncall import ContactMethodAdmin, OverrideAdmin, ScheduleAdmin, TeamAdmin
from apps.alerts.admin.rules import RuleAdmin

__all__ = [
    "ChannelAdmin",
    "ContactMethodAdmin",
    "EpisodeAdmin",
    "EscalationAdmin",
    "EscalationPolicyAdmin",
    "NotificationAdmin",
    "OverrideAdmin",
    "PolicyFaultAdmin",
    "RuleAdmin",
    "ScheduleAdmin",
    "TeamAdmin",
]
