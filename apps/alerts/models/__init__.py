"""Rules, what they found, and what was sent about it."""

from apps.alerts.models.acknowledgement import AckEnd, Acknowledgement
from apps.alerts.models.cap import Bucket, Cap, CapScope, Digest, DigestEntry
from apps.alerts.models.channel import Channel, channel_kinds
from apps.alerts.models.episode import Episode, EpisodeEvent, Instance, Tick
from apps.alerts.models.escalation import (
    Escalation,
    EscalationMember,
    EscalationPolicy,
    EscalationState,
    EscalationStep,
    MemberState,
    PolicyFault,
    StepKind,
)
from apps.alerts.models.flap import Flap
from apps.alerts.models.foreign import ForeignAlert, ForeignSource
from apps.alerts.models.group import AlertGroup, Decision, Enrolment, GroupMember, Verdict
from apps.alerts.models.incident import Incident, IncidentEpisode, IncidentEvent
from apps.alerts.models.incident_work import IncidentLink, IncidentRole, IncidentTask, PostMortem
from apps.alerts.models.inhibition import Dependency, Inhibition
from apps.alerts.models.mutewindow import MuteWindow, Weekday
from apps.alerts.models.noisyrule import NoisyRule
from apps.alerts.models.notification import Attempt, Notification, OutboxState, Outcome, Purpose
from apps.alerts.models.people import CalendarFeed, ContactMethod, Team
from apps.alerts.models.route import Receiver, Route
from apps.alerts.models.rule import Direction, Rule, RuleVersion
from apps.alerts.models.schedule import (
    Layer,
    LayerMember,
    OnHolidays,
    Override,
    Schedule,
    Swap,
    SwapState,
    Unit,
)
from apps.alerts.models.silence import Silence, SilenceState
from apps.alerts.models.statuspage import (
    Health,
    Stage,
    StatusComponent,
    StatusNotice,
    StatusPage,
    StatusSpan,
    StatusUpdate,
)

__all__ = [
    "AckEnd",
    "Acknowledgement",
    "AlertGroup",
    "Attempt",
    "Bucket",
    "CalendarFeed",
    "Cap",
    "CapScope",
    "Channel",
    "ContactMethod",
    "Decision",
    "Dependency",
    "Digest",
    "DigestEntry",
    "Direction",
    "Enrolment",
    "Episode",
    "EpisodeEvent",
    "Escalation",
    "EscalationMember",
    "EscalationPolicy",
    "EscalationState",
    "EscalationStep",
    "Flap",
    "ForeignAlert",
    "ForeignSource",
    "GroupMember",
    "Health",
    "Incident",
    "IncidentEpisode",
    "IncidentEvent",
    "IncidentLink",
    "IncidentRole",
    "IncidentTask",
    "Inhibition",
    "Instance",
    "Layer",
    "LayerMember",
    "MemberState",
    "MuteWindow",
    "NoisyRule",
    "Notification",
    "OnHolidays",
    "OutboxState",
    "Outcome",
    "Override",
    "PolicyFault",
    "PostMortem",
    "Purpose",
    "Receiver",
    "Route",
    "Rule",
    "RuleVersion",
    "Schedule",
    "Silence",
    "SilenceState",
    "Stage",
    "StatusComponent",
    "StatusNotice",
    "StatusPage",
    "StatusSpan",
    "StatusUpdate",
    "StepKind",
    "Swap",
    "SwapState",
    "Team",
    "Tick",
    "Unit",
    "Verdict",
    "Weekday",
    "channel_kinds",
]
