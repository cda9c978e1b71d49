"""What tells that messages are lost must not hang on the channels that lost them."""

from collections.abc import Collection
from typing import Final

from apps.alerts.models import Channel, DeadMan

# Built-in rules told by the second channel of the dead man's switch too.
RULES: Final = ("MESSAGES_LOST",)


def channels(names: Collection[str]) -> list[Channel]:
    """The second channel, where one of these built-in rules is of that kind and there is one."""
    if not set(names) & set(RULES):
        return []
    row = DeadMan.objects.select_related("second").first()
    return [row.second] if row and row.second and row.second.enabled else []
