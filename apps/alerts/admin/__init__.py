"""The alert engine in the admin."""

from apps.alerts.admin.acknowledgements import AcknowledgementAdmin
from apps.alerts.admin.caps import CapAdmin, DigestAdmin, NoisyRuleAdmin
from apps.alerts.admin.channels import ChannelAdmin
from apps.alerts.admin.episodes import EpisodeAdmin
from apps.alerts.admin.escalation import EscalationAdmin, EscalationPolicyAdmin, PolicyFaultAdmin
from apps.alerts.admin.incidents import ForeignSourceAdmin, StatusPageAdmin
from apps.alerts.admin.inhibitions import DependencyAdmin, InhibitionAdmin
from apps.alerts.admin.mutewindows import MuteWindowAdmin
from apps.alerts.admin.notifications import NotificationAdmin
from apps.alerts.admin.oncall import ContactMethodAdmin, OverrideAdmin, ScheduleAdmin, TeamAdmin
from apps.alerts.admin.phones import DeadManAdmin, PhoneAccountAdmin
from apps.alerts.admin.routing import AlertGroupAdmin, ReceiverAdmin, RouteAdmin
from apps.alerts.admin.rules import RuleAdmin
from apps.alerts.admin.silences import SilenceAdmin

__all__ = [
    "AcknowledgementAdmin",
    "AlertGroupAdmin",
    "CapAdmin",
    "ChannelAdmin",
    "ContactMethodAdmin",
    "DeadManAdmin",
    "DependencyAdmin",
    "DigestAdmin",
    "EpisodeAdmin",
    "EscalationAdmin",
    "EscalationPolicyAdmin",
    "ForeignSourceAdmin",
    "InhibitionAdmin",
    "MuteWindowAdmin",
    "NoisyRuleAdmin",
    "NotificationAdmin",
    "OverrideAdmin",
    "PhoneAccountAdmin",
    "PolicyFaultAdmin",
    "ReceiverAdmin",
    "RouteAdmin",
    "RuleAdmin",
    "ScheduleAdmin",
    "SilenceAdmin",
    "StatusPageAdmin",
    "TeamAdmin",
]
