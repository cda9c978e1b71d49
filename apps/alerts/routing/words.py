"""The words of the code that stand on the pages about routing, for people."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

ANSWERS: Final = {
    "told": _("Told"),
    "undelivered": _("Not delivered yet"),
    "held": _("Held back"),
    "waiting": _("Waiting for its first message"),
    "nobody": _("Nobody to tell"),
    "not_told": _("Not told"),
}
KINDS: Final = {
    "event": _("Alert"),
    "group": _("Routing"),
    "decision": _("Decision"),
    "message": _("Message"),
    "attempt": _("Attempt"),
}
WHAT: Final = {
    # events of an episode
    "opened": _("The breach began"),
    "cancelled": _("The breach ended before the alert fired"),
    "fired": _("It fires"),
    "fired_again": _("It fires again"),
    "severity_raised": _("It became critical"),
    "severity_changed": _("Its severity changed"),
    "recovering": _("It recovers"),
    "flapping_started": _("It began to fire and end in turns"),
    "flapping_stopped": _("It no longer fires and ends in turns"),
    "acknowledged": _("Somebody acknowledged it"),
    "unacknowledged": _("The acknowledgement ended"),
    # routing
    "joined": _("It joined a group"),
    # reasons to tell
    "first": _("The first message of the group"),
    "new": _("New among others that fire"),
    "raised": _("It grew worse"),
    "unmuted": _("It still fires, and nothing holds it back any more"),
    "resolved": _("It ended"),
    "all_resolved": _("Everything in the group ended"),
    "repeat": _("It still fires"),
    # reasons not to tell
    "silenced": _("A silence"),
    "inhibited": _("Another alert explains it"),
    "dependency": _("What it depends on fires"),
    "muted": _("A mute window"),
    "flapping": _("It fires and ends in turns"),
    "held": _("It waits a moment for what might explain it"),
    "ended_early": _("It ended before its first message"),
    "end_not_wanted": _("The receiver wants no ends"),
    "moved": _("It went to another group before its first message"),
    "no_receiver": _("No route with a receiver takes it, and its rule has no channels"),
    "no_channels": _("The receiver has no channel that is switched on"),
    "policy": _("The escalation could not be started"),
    "error": _("It could not be routed"),
    "pending": _("The breach has not lasted long enough"),
    "never_fired": _("It never fired"),
    "first_wait": _("The group waits for company"),
    # messages
    "firing": _("It fires"),
    "capped": _("Over the cap: it goes into a digest"),
    "escalation": _("A page of an escalation"),
    "digest": _("Part of a digest"),
    "incident": _("About an incident"),
    "test": _("A test"),
    # attempts
    "ok": _("Accepted"),
    "transient": _("Failed for now"),
    "permanent": _("Refused"),
    "unknown": _("Nobody knows what became of it"),
}


def what(word: str) -> Any:
    """In words; a word nobody has translated stands for itself."""
    return WHAT.get(word, word.replace("_", " "))
