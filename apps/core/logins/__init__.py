"""The limit on signing in: slows guessing down without locking anybody out."""

from apps.core.logins.gate import Attempt, attempt

__all__ = ["Attempt", "attempt"]
