"""Rules, what they found, and what was sent about it."""

from apps.alerts.models.acknowledgement import AckEnd, Acknowledgement
from apps.alerts.models.channel import Channel, channel_kinds
from apps.alerts.models.deadman import DeadMan
from apps.alerts.models.episode import Episode, EpisodeEvent, Instance, Tick
from apps.alerts.models.group import AlertGroup, Decision, Enrolment, GroupMember, Verdict
from apps.alerts.models.notification import Attempt, Notification, OutboxState, Outcome, Purpose
from apps.alerts.models.phone import PhoneAccount
from apps.alerts.models.receipt import AwaitedReceipt, DeliveryReceipt, ReceiptState
from apps.alerts.models.route import Receiver, Route
from apps.alerts.models.rule import Direction, Rule, RuleVersion
from apps.alerts.models.silence import Silence, SilenceState

__all__ = [
    "AckEnd",
    "Acknowledgement",
    "AlertGroup",
    "Attempt",
    "AwaitedReceipt",
    "Channel",
    "DeadMan",
    "Decision",
    "DeliveryReceipt",
    "Direction",
    "Enrolment",
    "Episode",
    "EpisodeEvent",
    "GroupMember",
    "Instance",
    "Notification",
    "OutboxState",
    "Outcome",
    "PhoneAccount",
    "Purpose",
    "ReceiptState",
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
