"""Rules, what they found, and what was sent about it."""

from apps.alerts.models.channel import Channel, ChannelKind
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
from apps.alerts.models.group import AlertGroup, Decision, Enrolment, GroupMember, Verdict
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

__all__ = [
    "AlertGroup",
    "Attempt",
    "CalendarFeed",
    "Channel",
    "ChannelKind",
    "ContactMethod",
    "Decision",
    "Direction",
    "Enrolment",
    "Episode",
    "EpisodeEvent",
    "Escalation",
    "EscalationMember",
    "EscalationPolicy",
    "EscalationState",
    "EscalationStep",
    "GroupMember",
    "Instance",
    "Layer",
    "LayerMember",
    "MemberState",
    "Notification",
    "OnHolidays",
    "OutboxState",
    "Outcome",
    "Override",
    "PolicyFault",
    "Purpose",
    "Receiver",
    "Route",
    "Rule",
    "RuleVersion",
    "Schedule",
    "StepKind",
    "Swap",
    "SwapState",
    "Team",
    "Tick",
    "Unit",
    "Verdict",
]
