"""The lines below the breaches of a message, which every chat shows alike."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

_SHOWN: Final = 5


def notes_of(words: Mapping[str, Any]) -> list[str]:
    """That it works, how many more, since when, how it ended, a possible repeat; as plain text."""
    notes = []
    if words["purpose"] == "test" and words["channel"]:
        told = _('The channel "%(name)s" works: messages of Pharos arrive here.')
        notes.append(told % {"name": words["channel"]})
    if words["not_shown"]:
        notes.append(_("and %(n)d more") % {"n": words["not_shown"]})
    if words["recovered"] and words["purpose"] != "resolved":
        notes.append(_recovered(words))
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


def _recovered(words: Mapping[str, Any]) -> str:
    names = [f"{one['rule']} {one['labels']}".strip() for one in words["recovered"]]
    told, more = "; ".join(names[:_SHOWN]), len(names[_SHOWN:]) + words["recovered_not_shown"]
    if more:
        return _("resolved meanwhile: %(names)s and %(n)d more") % {"names": told, "n": more}
    return _("resolved meanwhile: %(names)s") % {"names": told}
