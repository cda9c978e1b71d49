"""Text from outside, as PostgreSQL takes it."""

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError


def storable(text: str) -> str:
    """The text with marks where it holds NUL or half a surrogate pair, which no column takes."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def check_form(form: QueryDict) -> None:
    """Raise InvalidInputError when a form holds what no column takes; Django's own forms do so."""
    for name, values in form.lists():
        if any(storable(text) != text for text in values if isinstance(text, str)):
            raise InvalidInputError(
                _("%(name)s holds characters that are no text.") % {"name": storable(name)[:100]}
            )
