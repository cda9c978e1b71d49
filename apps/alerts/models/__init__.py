"""Rules, what they found, and what was sent about it."""

from apps.alerts.models.acknowledgement import AckEnd, Acknowledgement
from apps.alerts.models.cap import Bucket, Cap, CapScope, Digest, DigestEntry
from apps.alerts.models.channel import Channel, channel_kinds
from apps.alerts.models.episode import Episode, EpisodeEvent, Instance, Tick
from apps.alerts.models.flap import Flap
from apps.alerts.models.group import AlertGroup, Decision, Enrolment, GroupMember, Verdict
from apps.alerts.models.inhibition import Dependency, Inhibition
from apps.alerts.models.mutewindow import MuteWindow
from apps.alerts.models.noisyrule import NoisyRule
from apps.alerts.models.notification import Attempt, Notification, OutboxState, Outcome, Purpose
from apps.alerts.models.route import Receiver, Route
from apps.alerts.models.rule import Direction, Rule, RuleVersion
from apps.alerts.models.silence import Silence, SilenceState

__all__ = [
    "AckEnd",
    "Acknowledgement",
    "AlertGroup",
    "Attempt",
    "Bucket",
    "Cap",
    "CapScope",
    "Channel",
    "Decision",
    "Dependency",
    "Digest",
    "DigestEntry",
    "Direction",
    "Enrolment",
    "Episode",
    "EpisodeEvent",
    "Flap",
    "GroupMember",
    "Inhibition",
    "Instance",
    "MuteWindow",
    "NoisyRule",
    "Notification",
    "OutboxState",
    "Outcome",
    "Purpose",
    "Receiver",
    "Route",
    "Rule",
    "RuleVersion",
    "Silence",
    "SilenceState",
    "Tick",
    "Verdict",
    "channel_kinds",
]
