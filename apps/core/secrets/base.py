"""What every keeper of secrets has in common."""

from typing import Protocol


class SecretError(Exception):
    """A secret cannot be had. The text says how to mend it and never holds the secret."""


class Provider(Protocol):
    """The port: one keeper of secrets."""

    def fetch(self, name: str) -> str:
        """The secret of this name. Bounded in time. Raises SecretError."""
