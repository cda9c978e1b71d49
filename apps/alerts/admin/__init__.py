"""The alert engine in the admin."""

from apps.alerts.admin.acknowledgements import AcknowledgementAdmin
from apps.alerts.admin.caps import CapAdmin, DigestAdmin, NoisyRuleAdmin
from apps.alerts.admin.channels import ChannelAdmin
from apps.alerts.admin.episodes import EpisodeAdmin
from apps.alerts.admin.inhibitions import DependencyAdmin, InhibitionAdmin
from apps.alerts.admin.mutewindows import MuteWindowAdmin
from apps.alerts.admin.notifications import NotificationAdmin
from apps.alerts.admin.rules import RuleAdmin
from apps.alerts.admin.silences import SilenceAdmin

__all__ = [
    "AcknowledgementAdmin",
    "CapAdmin",
    "ChannelAdmin",
    "DependencyAdmin",
    "DigestAdmin",
    "EpisodeAdmin",
    "InhibitionAdmin",
    "MuteWindowAdmin",
    "NoisyRuleAdmin",
    "NotificationAdmin",
    "RuleAdmin",
    "SilenceAdmin",
]
