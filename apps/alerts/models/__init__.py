"""Rules, what they found, and what was sent about it."""

from apps.alerts.models.channel import Channel, channel_kinds
from apps.alerts.models.episode import Episode, EpisodeEvent, Instance, Tick
from apps.alerts.models.notification import Attempt, Notification, OutboxState, Outcome, Purpose
from apps.alerts.models.rule import Direction, Rule, RuleVersion

__all__ = [
    "Attempt",
    "Channel",
    "Direction",
    "Episode",
    "EpisodeEvent",
    "Instance",
    "Notification",
    "OutboxState",
    "Outcome",
    "Purpose",
    "Rule",
    "RuleVersion",
    "Tick",
    "channel_kinds",
]
