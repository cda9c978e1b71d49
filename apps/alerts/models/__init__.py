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
from apps.alerts.models.notification import Attempt, Notification, OutboxState, Outcome, Purpose
from apps.alerts.models.people import CalendarFeed, ContactMethod, Team
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
    "Attempt",
    "CalendarFeed",
    "Channel",
    "ChannelKind",
    "ContactMethod",
    "Direction",
    "Episode",
    "EpisodeEvent",
    "Escalation",
    "EscalationMember",
    "EscalationPolicy",
    "EscalationState",
    "EscalationStep",
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
    "Rule",
    "RuleVersion",
    "Schedule",
    "StepKind",
    "Swap",
    "SwapState",
    "Team",
    "Tick",
    "Unit",
]
