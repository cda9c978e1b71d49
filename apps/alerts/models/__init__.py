"""Rules, what they found, and what was sent about it."""

from apps.alerts.models.channel import Channel, ChannelKind
from apps.alerts.models.episode import Episode, EpisodeEvent, Instance, Tick
from apps.alerts.models.foreign import ForeignAlert, ForeignSource
from apps.alerts.models.incident import Incident, IncidentEpisode, IncidentEvent
from apps.alerts.models.incident_work import IncidentLink, IncidentRole, IncidentTask, PostMortem
from apps.alerts.models.notification import Attempt, Notification, OutboxState, Outcome, Purpose
from apps.alerts.models.rule import Direction, Rule, RuleVersion
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
    "Attempt",
    "Channel",
    "ChannelKind",
    "Direction",
    "Episode",
    "EpisodeEvent",
    "ForeignAlert",
    "ForeignSource",
    "Health",
    "Incident",
    "IncidentEpisode",
    "IncidentEvent",
    "IncidentLink",
    "IncidentRole",
    "IncidentTask",
    "Instance",
    "Notification",
    "OutboxState",
    "Outcome",
    "PostMortem",
    "Purpose",
    "Rule",
    "RuleVersion",
    "Stage",
    "StatusComponent",
    "StatusNotice",
    "StatusPage",
    "StatusSpan",
    "StatusUpdate",
    "Tick",
]
