"""Discord by a channel's webhook."""

from apps.alerts.delivery.discord.notifier import DiscordNotifier

__all__ = ["DiscordNotifier"]
