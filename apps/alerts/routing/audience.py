"""Who a group speaks to, and with which timers."""

from dataclasses import dataclass

from apps.alerts.models import AlertGroup, Channel, EscalationPolicy
from apps.alerts.routing import secondway, tree
from apps.alerts.routing.tree import OF_A_RULE, Node, Options


@dataclass(frozen=True)
class Audience:
    """Who a group speaks to."""

    name: str
    channels: tuple[Channel, ...]
    send_resolved: bool = True
    policy: EscalationPolicy | None = None


def node_of(group: AlertGroup) -> Node | None:
    """Its place in the tree; None for a rule's own, or when the route is gone."""
    root = tree.load() if group.route_id is not None else None
    if root is None:
        return None
    return next((node for node in root.walk() if node.id == group.route_id), None)


def options_without_route(group: AlertGroup) -> Options:
    """The timers of a group that no route leads to."""
    return OF_A_RULE if group.rule_id is not None else Options()


def audience_of(group: AlertGroup) -> Audience:
    """The receiver's channels and policy, or the rule's own."""
    if group.receiver is not None:
        channels = group.receiver.channels.filter(enabled=True).order_by("pk")
        to = group.receiver
        return Audience(to.name, tuple(channels), to.send_resolved, to.policy)
    if group.rule is not None:
        own = group.rule.channels.filter(enabled=True).order_by("pk")
        both = {one.pk: one for one in [*own, *secondway.channels([group.rule.built_in])]}
        return Audience(group.rule.name, tuple(both.values()), policy=group.rule.policy)
    # Its receiver or rule is gone: nobody new is told, but who was told learns of the end.
    return Audience("", ())
