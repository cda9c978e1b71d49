"""Dropping a metric at the door, and taking it in again."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.core.errors import ConflictError, InvalidInputError, NotFoundError
from apps.monitoring.models import DropRule

MOST: int = 1000
# What the portal tells of itself is how anybody learns that something is dropped.
_OWN = "pharos."


def drop(name: str, by: str, reason: str = "") -> DropRule:
    """Drop the points of this metric from now on (within seconds, in every intake process).

    What is stored stays. The audit trail hears of it. Raises InvalidInputError, and ConflictError
    where the metric is dropped already.
    """
    if not name or "\0" in name or len(name) > 600:
        raise InvalidInputError(_("A metric's name has 1 to 600 letters."), {"parameter": "name"})
    if name.startswith(_OWN):
        raise InvalidInputError(
            _("The portal's own metrics are not dropped."), {"parameter": "name"}
        )
    if DropRule.objects.count() >= MOST:
        raise ConflictError(_("There are too many drop rules already."))
    try:
        with transaction.atomic():
            return DropRule.objects.create(name=name, created_by=by[:200], reason=reason[:200])
    except IntegrityError:
        raise ConflictError(_("This metric is dropped already."), {"parameter": "name"}) from None


def take_in(name: str) -> None:
    """Take the metric in again. Raises NotFoundError where it is not dropped."""
    rule = DropRule.objects.filter(name=name.replace("\0", "")).first()
    if rule is None:
        raise NotFoundError(_("This metric is not dropped."))
    rule.delete()
