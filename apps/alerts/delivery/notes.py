"""The lines below the breaches of a message, which every chat shows alike."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


def notes_of(words: Mapping[str, Any]) -> list[str]:
    """That it works, how many more, since when, how it ended, a possible repeat; as plain text."""
    notes = []
    if words["purpose"] == "test":
        told = _('The channel "%(name)s" works: messages of Pharos arrive here.')
        notes.append(told % {"name": words["channel"]})
    if words["not_shown"]:
        notes.append(_("and %(n)d more") % {"n": words["not_shown"]})
    if words["since"] and words["purpose"] != "test":
        notes.append(_("since %(moment)s") % {"moment": words["since"]})
    if words["ended"]:
        ended = _("ended %(moment)s (%(duration)s)") % {
            "moment": words["ended"], "duration": words["duration"],
        }  # fmt: skip
        notes.append(f"{ended}, {words['reason']}" if words["reason"] else ended)
    if words["may_repeat"]:
        notes.append(_("This message may repeat one that has already arrived."))
    return notes
